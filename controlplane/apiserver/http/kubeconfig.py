"""The file with which kubectl and the clients find the server (client-go: tools/clientcmd/api/v1)."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any

NAME = "controlplane"


def kubeconfig(url: str, authority: bytes, token: str, certificate: tuple[bytes, bytes] | None = None) -> str:
    """A kubeconfig whose current context is this server, with the administrator's token.

    `certificate`, a (certificate, key) pair, adds a second context that authenticates by it.  The text is JSON, which
    every reader of YAML reads.
    """
    users: list[dict[str, Any]] = [{"name": NAME, "user": {"token": token}}]
    contexts = [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}]
    if certificate is not None:
        pair = {"client-certificate-data": _base64(certificate[0]), "client-key-data": _base64(certificate[1])}
        other = f"{NAME}-certificate"
        users.append({"name": other, "user": pair})
        contexts.append({"name": other, "context": {"cluster": NAME, "user": other}})
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": url, "certificate-authority-data": _base64(authority)}}],
        "users": users,
        "contexts": contexts,
        "current-context": NAME,
        "preferences": {},
    }
    return json.dumps(config, indent=2) + "\n"


def write(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
