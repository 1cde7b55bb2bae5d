"""Command lines in notebooks: run where the programs are, recorded for where they are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controlplane.view.shell import RECORD, Shell


def test_what_a_program_says_is_printed_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RECORD, "1")
    Shell("page", "echo")("echo 'two words'")
    assert capsys.readouterr().out == "$ echo 'two words'\ntwo words\n"
    assert json.loads(Path("recorded/page.json").read_text()) == {"echo 'two words'": "two words"}


def test_a_missing_program_is_replaced_by_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recorded").mkdir()
    Path("recorded/page.json").write_text('{"no-such-program get": "as recorded"}')
    shell = Shell("page", "no-such-program")
    shell.start("no-such-program serve", until="ready")
    shell("no-such-program get")
    assert capsys.readouterr().out == "$ no-such-program get\nas recorded\n"


def test_a_server_is_started_with_what_it_exports_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shell = Shell("page", "sh")
    shell.start("sh -c 'echo export GREETING=hello; echo ready; exec sleep 60'", until="ready")
    shell("sh -c 'echo $GREETING'")
    assert capsys.readouterr().out.endswith("\nhello\n")
    shell.stop()
    assert not shell.servers


def test_a_server_that_ends_too_soon_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended before it said 'ready'"):
        Shell("page", "sh").start("sh -c 'exit 1'", until="ready")
