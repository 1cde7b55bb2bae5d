"""`make lab` opens JupyterLab on the map, over HTTP and in a browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that `make lab` started."""
    folder = tmp_path_factory.mktemp("jupyter")
    address = f"http://127.0.0.1:{free_port()}"
    arguments = f"--no-browser --port {address.rpartition(':')[2]} --IdentityProvider.token= --ServerApp.password="
    arguments += " --LabApp.expose_app_in_browser=True"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environment |= {name: str(folder) for name in ["JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]}
    command = ["make", "--old-file=setup", "lab", f"ARGS={arguments}"]
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 60
            while not answers(f"{address}/api"):
                assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield address
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def test_the_map_is_served(lab: str) -> None:
    assert answers(f"{lab}/lab/tree/notebooks/00-map.ipynb")
    with urllib.request.urlopen(f"{lab}/api/contents/notebooks/00-map.ipynb") as answer:
        assert json.load(answer)["type"] == "notebook"


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here, and no root to install it")
def test_the_map_runs_in_a_browser(lab: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{lab}/lab/tree/notebooks/00-map.ipynb")
        page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_function(
            "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000
        )
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(
            "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'", timeout=60_000
        )
        page.evaluate("window.jupyterapp.shell.currentWidget.content.scrollToItem(0)")
        page.locator(".jp-OutputArea figure").first.wait_for()
        page.screenshot(path=SCREENSHOTS / "lab.png")
        assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
        browser.close()
