"""The command line: `controlplane demo` tells the story, `controlplane up` keeps a cluster alive for kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Literal

import click

from controlplane.etcd.api import EtcdError

PARTS = ("apiserver", "scheduler", "controllers", "nodes", "traffic")
COLOURS = {"●": "green", "○": "yellow", "✗": "red", "◌": "magenta", "?": "yellow", "█": "green", "▒": "blue"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="controlplane")
def main() -> None:
    """The Kubernetes control plane, in Python, to look into and to take apart."""


@main.command(short_help="Tell the story of a two-node cluster, in virtual time.")
@click.option("--seed", default=0, show_default=True, help="Decides all that is random: the same seed, the same story.")
def demo(seed: int) -> None:
    """Boot a two-node cluster, send traffic, roll out, lose a node, get it back; all in virtual time."""
    from controlplane import demo as story  # a cluster is a large import: --help does not wait for it

    story.run(seed, lambda line: click.echo(_coloured(line)))


def _coloured(line: str) -> str:
    """Headings bold and marks in colour; click takes the codes out where there is no terminal."""
    if re.match(r"\d\. ", line):
        return click.style(line, bold=True)
    signs = "".join(COLOURS)
    return re.sub(f"[{re.escape(signs)}]+", lambda found: click.style(found[0], fg=COLOURS[found[0][0]]), line)


def _parse_parts(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in parts:
        if part not in PARTS:
            raise click.BadParameter(f"there is no part {part!r}: the parts are {', '.join(PARTS)}")
    if "apiserver" not in parts:
        raise click.BadParameter("apiserver must be among them: the other parts are its clients")
    return parts


def _parse_etcd(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not re.fullmatch(r"etcd://[^/]+:\d+", value):
        raise click.BadParameter(f"{value!r} is not the address of an etcd: write it as etcd://127.0.0.1:2379")
    return value


@main.command(short_help="Keep a cluster alive, and serve its API to kubectl.")
@click.option("--nodes", default=2, show_default=True, type=click.IntRange(min=0), help="How many nodes.")
@click.option("--seed", default=0, show_default=True, help="Decides names, uids and ties.")
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--token",
    envvar="CONTROLPLANE_TOKEN",
    default="",
    metavar="T",
    help="The administrator's bearer token; made up if not given.  Also read from CONTROLPLANE_TOKEN.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the kubeconfig, readable by you alone; a temporary file if not given.",
)
@click.option(
    "--parts",
    default=",".join(PARTS),
    show_default=True,
    callback=_parse_parts,
    metavar="LIST",
    help="What to run; somebody else can run what is left out.",
)
@click.option(
    "--etcd",
    default="",
    callback=_parse_etcd,
    metavar="URL",
    help="Keep everything in the etcd at etcd://HOST:PORT; in memory if not given.",
)
@click.option("--real", is_flag=True, help="Run Pods as processes of this computer, not simulated.")
def up(
    nodes: int,
    seed: int,
    port: int,
    host: str,
    token: str,
    kubeconfig: Path | None,
    parts: tuple[str, ...],
    etcd: str,
    real: bool,
) -> None:
    """Run a cluster on the computer's clock until Ctrl-C or SIGTERM, and serve its API over HTTPS."""
    with contextlib.ExitStack() as cleanup:
        if kubeconfig is None:
            folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="controlplane-"))
            kubeconfig = Path(folder) / "kubeconfig"
        try:
            asyncio.run(_up(nodes if "nodes" in parts else 0, seed, port, host, token, kubeconfig, parts, etcd, real))
        except OSError as error:
            where = f" ({error.filename})" if error.filename else f" ({host}:{port})"
            raise click.ClickException(f"cannot serve: {error.strerror or error}{where}") from None
        except (EtcdError, ImportError) as error:
            raise click.ClickException(str(error)) from None


async def _up(
    nodes: int,
    seed: int,
    port: int,
    host: str,
    token: str,
    kubeconfig: Path,
    parts: tuple[str, ...],
    etcd: str,
    real: bool,
) -> None:
    from controlplane.apiserver.http import make_token, serve
    from controlplane.clock import WallLoop
    from controlplane.cluster import Cluster
    from controlplane.controllers import DEFAULT_CONTROLLERS
    from controlplane.scheduler.scheduler import Scheduler

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    traffic: Literal["default"] | None = "default" if "traffic" in parts else None
    cluster = Cluster(
        nodes,
        seed=seed,
        clock="wall",
        runtime="process" if real else "simulated",
        scheduler=Scheduler if "scheduler" in parts else None,
        controllers=DEFAULT_CONTROLLERS if "controllers" in parts else None,
        ingress=traffic,
        load_balancer=traffic,
        store=etcd or None,
        dns=traffic,
    )
    assert isinstance(cluster.loop, WallLoop)

    def ready(url: str) -> None:
        click.echo(f"ready {url}")
        click.echo(f"export KUBECONFIG={kubeconfig.absolute()}")
        if cluster.real is not None:
            click.echo(f"ingress {cluster.real.url} {cluster.real.tls_url}")
        click.echo(f"{', '.join(parts)}; {nodes} node{'s' * (nodes != 1)}; Ctrl-C ends it", err=True)
        sys.stdout.flush()

    try:
        await serve(
            cluster.server,
            cluster.loop,
            host=host,
            port=port,
            token=token or make_token(),
            kubeconfig=kubeconfig,
            stop=stop,
            ready=ready,
        )
    finally:
        cluster.stop()
    if os.isatty(2):
        click.echo("\nstopped", err=True)  # below the ^C
