"""etcdctl on our store and on a real etcd, as the notebook on the store asks them."""

from pathlib import Path

import pytest

from controlplane.etcd.grpc_thread import serve
from controlplane.view.etcds import ours, real


def test_both_are_asked_and_answer_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shells = [ours(serve), real()]
    try:
        for command in ("etcdctl put a 1", "etcdctl get a", "etcdctl get a --rev=9"):
            assert shells[0].run(command) == shells[1].run(command) != ""
    finally:
        shells[1].stop()


def test_without_grpc_ours_is_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    Path("recorded").mkdir()
    Path("recorded/01-etcd-ours.json").write_text('{"etcdctl get a": "as recorded"}')
    assert ours(serve).run("etcdctl get a") == "as recorded"
