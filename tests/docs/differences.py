"""What differs from upstream, collected from where it is said: the notes in the package's docstrings and comments.

python -m tests.docs.differences        writes docs/differences.md
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "differences.md"
ROOMS = {
    "etcd": "etcd",
    "apiserver": "API server",
    "client": "Clients",
    "controllers": "Controllers",
    "scheduler": "Scheduler",
    "node": "Nodes",
    "traffic": "Traffic",
}
HEAD = """# What differs from upstream

Written where it is left out, in the package's own files, and collected here by `python -m tests.docs.differences`.
A test compares this page with the files.
"""


def notes(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each note in a file: from `*Note*:` to the end of its paragraph."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.STRING:
            text = token.string.strip("\"'")
        elif token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
        else:
            continue
        for match in re.finditer(r"\*Note\*: (.*?)(?=\n\s*\n|\*Note\*|\Z)", text, re.DOTALL):
            line = token.start[0] + text.count("\n", 0, match.start())
            yield line, re.sub(r"\s+", " ", match[1]).strip()


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    package = ROOT / "controlplane"
    for room, title in ROOMS.items():
        lines = []
        for path in sorted((package / room).rglob("*.py")):
            name = path.relative_to(package)
            lines += [f"- [`{name}`](../controlplane/{name}): {text[0].upper()}{text[1:]}" for _, text in notes(path)]
        if lines:
            parts.append(f"\n## {title}\n\n" + "\n".join(lines) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
