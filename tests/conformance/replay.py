"""Ask an API server what a real one was asked, and compare the answers.

`cases.json` holds the requests, in steps that run in order in a namespace of their own; `answers.json` what
kube-apiserver 1.36 answered, with no controllers running.  In a step, `$NS` is the namespace, `$RV:k`, `$UID:k` and
`$CONT:k` are the resourceVersion, uid and continue token in the answer to step k; `watch: N` reads N events.
What no two servers share is masked on both sides.

    python -m tests.conformance.replay [--server URL --token T] [--only NAME] [--show N]

Without --server, it starts one of its own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import ssl
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

HERE = Path(__file__).parent
MASKED = frozenset(
    {
        *("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "selfLink", "continue"),
        *("lastTransitionTime", "lastUpdateTime", "renewTime", "acquireTime", "startTime", "serverAddress"),
    }
)
PATTERNS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"(gen-)[bcdfghjklmnpqrstvwxz2456789]{5}\b"), r"\1<suffix>"),
    (re.compile(r"resource version: \d+|\(\d+\)|resourceVersion \d+"), "<rv>"),
)

Obj = dict[str, Any]


def cases() -> dict[str, list[Obj]]:
    """The steps of each case."""
    return {case["name"]: case["steps"] for case in json.loads((HERE / "cases.json").read_text())}


def answers() -> dict[str, list[Obj]]:
    """What each step should be answered: `status`, and `body` with what is masked."""
    found: dict[str, list[Obj]] = json.loads((HERE / "answers.json").read_text())
    return found


def mask(value: Any, namespace: str) -> Any:
    """`value` without what differs from server to server."""
    if isinstance(value, dict):
        return {k: _mask_field(k, v, namespace) for k, v in value.items() if k != "managedFields"}
    if isinstance(value, list):
        return [mask(v, namespace) for v in value]
    if isinstance(value, str):
        value = value.replace(namespace, "$NS")
        for pattern, shown in PATTERNS:
            value = pattern.sub(shown, value)
    return value


def _mask_field(name: str, value: Any, namespace: str) -> Any:
    if name in MASKED or name == "nodePort":
        return "*" if value else value
    if name == "clusterIP":
        return "*" if value not in (None, "", "None") else value
    if name == "clusterIPs" and value and value != ["None"]:
        return ["*"] * len(value)
    return mask(value, namespace)


def differences(want: Any, got: Any, at: str = "") -> Iterator[str]:
    """What differs, a line each, with where it is."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key in sorted(want.keys() | got.keys()):
            if key not in got:
                yield f"{at}.{key}: missing, want {json.dumps(want[key])[:200]}"
            elif key not in want:
                yield f"{at}.{key}: not expected, got {json.dumps(got[key])[:200]}"
            else:
                yield from differences(want[key], got[key], f"{at}.{key}")
    elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (a, b) in enumerate(zip(want, got, strict=True)):
            yield from differences(a, b, f"{at}[{i}]")
    elif want != got:
        yield f"{at}: want {json.dumps(want)[:400]} got {json.dumps(got)[:400]}"


class Endpoint:
    """A server at a URL, over one connection that is kept."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        self._kept = self._connection()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=20)

    def close(self) -> None:
        self._kept.close()

    def call(self, step: Obj) -> tuple[int, Any]:
        """(status, body) of the answer to one step; the body of a watch is {"events": [...]}."""
        headers = {**self._headers, **step.get("headers", {})}
        data = None
        if "raw" in step:
            data = step["raw"].encode()
        elif "body" in step:
            data = json.dumps(step["body"]).encode()
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        query = step.get("query", {})
        if count := step.get("watch"):
            query = {**query, "watch": "true", "timeoutSeconds": "4"}
        path = step["path"] + ("?" + urlencode(query) if query else "")
        if count:
            return self._watch(path, headers, count)
        self._kept.request(step["method"], path, data, headers)
        answer = self._kept.getresponse()
        body = answer.read()
        if answer.will_close:
            self._kept.close()
        return answer.status, _parsed(body)

    def _watch(self, path: str, headers: dict[str, str], count: int) -> tuple[int, Any]:
        connection = self._connection()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                return answer.status, _parsed(answer.read())
            events: list[Any] = []
            while len(events) < count and (line := answer.readline()):
                events.append(json.loads(line))
            return 200, {"events": events}
        finally:
            connection.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:2000]


def run_case(endpoint: Endpoint, steps: list[Obj]) -> list[Obj]:
    """What each step of a case is answered, masked."""
    namespace = "case-" + uuid.uuid4().hex[:8]
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    endpoint.call({"method": "POST", "path": "/api/v1/namespaces", "body": made})
    bodies: list[Any] = []
    masked = []
    for step in steps:
        status, body = endpoint.call(json.loads(_filled(json.dumps(step), namespace, bodies)))
        bodies.append(body)
        masked.append({"status": status, "body": mask(body, namespace)})
    endpoint.call({"method": "DELETE", "path": f"/api/v1/namespaces/{namespace}"})
    return masked


def _filled(text: str, namespace: str, bodies: list[Any]) -> str:
    """A step with its placeholders replaced."""
    text = text.replace("$NS", namespace)
    for mark, field in (("RV", "resourceVersion"), ("UID", "uid"), ("CONT", "continue")):

        def value(found: re.Match[str], field: str = field) -> str:
            body = bodies[int(found[1])]
            return str(body.get("metadata", {}).get(field, "")) if isinstance(body, dict) else ""

        text = re.sub(rf"\${mark}:(\d+)", value, text)
    return text


def compare(endpoint: Endpoint, name: str) -> list[list[str]]:
    """For each step of a case, how its answer differs from the real one's: nothing, if it is right."""
    steps, found = cases()[name], []
    for want, got in zip(answers()[name], run_case(endpoint, steps), strict=True):
        status = [] if want["status"] == got["status"] else [f"status: want {want['status']} got {got['status']}"]
        found.append(status + list(differences(mask(want["body"], "$NS"), got["body"])))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="URL of a running server")
    parser.add_argument("--token", default="")
    parser.add_argument("--only", metavar="NAME", help="one case")
    parser.add_argument("--show", type=int, default=3, metavar="N", help="differences to show for a step")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.server:
            endpoint = Endpoint(options.server, options.token)
        else:
            from tests.apiserver.serving import TOKEN, serving

            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            endpoint = Endpoint(stack.enter_context(serving(folder)).url, TOKEN)
        stack.callback(endpoint.close)
        return _report(endpoint, [options.only] if options.only else list(cases()), options.show)


def _report(endpoint: Endpoint, names: list[str], show: int) -> int:
    steps = right_steps = right_cases = 0
    for name in names:
        results = compare(endpoint, name)
        steps += len(results)
        right_steps += sum(not lines for lines in results)
        right_cases += not any(results)
        for i, (step, lines) in enumerate(zip(cases()[name], results, strict=True)):
            if lines:
                print(f"{name}, step {i}: {step['method']} {step['path']}")
                print("".join(f"    {line}\n" for line in lines[:show]), end="")
    print(f"{right_cases} of {len(names)} cases and {right_steps} of {steps} requests are answered as Kubernetes does")
    return 0 if right_cases == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
