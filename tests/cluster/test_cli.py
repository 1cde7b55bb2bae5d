"""The command line, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

COMMAND = [sys.executable, "-c", "from controlplane.cli import main; main()"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_demo_tells_the_same_for_the_same_seed() -> None:
    first, second = run("demo", "--seed", "7"), run("demo", "--seed", "7")
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert "0 lost" in first.stdout
    assert "\x1b[" not in first.stdout  # colours are for terminals
    assert [line[:2] for line in first.stdout.splitlines() if re.match(r"\d\. ", line)] == [
        f"{n}." for n in range(1, 6)
    ]


@contextmanager
def up(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """A running `controlplane up`: its process, its URL, its kubeconfig."""
    kubeconfig = folder / "kubeconfig"
    process = subprocess.Popen(
        [*COMMAND, "up", "--kubeconfig", str(kubeconfig), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready https://127.0.0.1:"), line + (process.stderr.read() if process.stderr else "")
        yield process, line.split()[1], kubeconfig
    finally:
        process.kill()
        process.communicate()


def get(url: str, token: str, path: str) -> object:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    with up(tmp_path, "--token", "secret-token", "--nodes", "3") as (process, url, kubeconfig):
        assert stat.S_IMODE(os.stat(kubeconfig).st_mode) == 0o600
        assert yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == url
        nodes = get(url, "secret-token", "/api/v1/nodes")
        assert isinstance(nodes, dict)
        assert len(nodes["items"]) == 3
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert "secret-token" not in out + err
        assert "Traceback" not in err


def test_up_without_nodes_and_controllers(tmp_path: Path) -> None:
    with up(tmp_path, "--token", "t", "--parts", "apiserver") as (_, url, _kubeconfig):
        nodes = get(url, "t", "/api/v1/nodes")
        assert isinstance(nodes, dict)
        assert nodes["items"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--parts", "apiserver,brain"], "there is no part 'brain': the parts are apiserver, scheduler"),
        (["--parts", "scheduler"], "apiserver must be among them"),
        (["--nodes", "-1"], "-1 is not in the range"),
        (["--port", "99999"], "99999 is not in the range"),
        (["--kubeconfig", f"{__file__}/config"], f"({__file__})"),
    ],
)
def test_wrong_arguments_are_one_clear_sentence(arguments: list[str], said: str) -> None:
    done = run("up", *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with up(tmp_path) as (_, url, _kubeconfig):
        port = url.rpartition(":")[2]
        done = run("up", "--port", port)
        assert done.returncode == 1
        assert f"cannot serve: Address already in use (127.0.0.1:{port})" in done.stderr
