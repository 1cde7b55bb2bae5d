"""The map in JupyterLab: it plays there, and as a widget it follows a cluster that goes on."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, expect

from tests.setup.test_lab import free_port
from tests.view.browser import SCREENSHOTS

CELLS = [
    "from controlplane import demo\nfrom controlplane.view import live\n\ncluster = demo.boot(seed=0)",
    "cluster.show()",
    "live.follow(cluster)",
    "cluster.kill_node('node-b')\ncluster.run_for('2m')",
    "from controlplane.view import panel\n\npanel.show(cluster)",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab with a notebook of the cells."""
    folder = tmp_path_factory.mktemp("lab")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=list(map(new_code_cell, CELLS)), metadata=kernel), folder / "live.ipynb")
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    places = ["JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"]
    environment |= {name: str(folder / "jupyter") for name in places}
    flags = [f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=", "--ServerApp.password="]
    flags += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    command = [sys.executable, "-m", "jupyterlab", *flags]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not answers(f"http://127.0.0.1:{port}/api"):
            assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/lab/tree/live.ipynb"
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


def test_it_plays_and_follows_in_jupyterlab(browser: Browser, lab: str) -> None:
    page = browser.new_page(viewport={"width": 1500, "height": 2600})
    page.goto(lab)
    page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000
    )
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    still, live = page.locator(".cpm").nth(0), page.locator(".cpm").nth(1)
    expect(live.locator("[data-box='node node-b']")).to_contain_text("Unknown", timeout=60_000)
    expect(still.locator("[data-box='node node-b']")).to_contain_text("Ready")
    slider = still.get_by_role("slider")
    end = int(slider.input_value())
    still.get_by_role("button", name="One step back").click()
    assert int(slider.input_value()) < end
    page.keyboard.press("Home")  # and JupyterLab leaves the keys to the map
    expect(slider).to_have_value("0")
    page.get_by_label("node", exact=True).select_option("node-b")
    page.get_by_role("button", name="power on").click()
    expect(page.get_by_text("node-b is switched on")).to_be_visible()
    expect(page.locator(".cpm").nth(2).locator("[data-box='node node-b']")).to_contain_text("Ready")
    page.get_by_role("button", name="drain").click()
    expect(page.get_by_text("kubectl drain node-b --ignore-daemonsets")).to_be_visible()
    expect(page.locator(".cpm").nth(2).locator("[data-box='node node-b']")).to_contain_text("cordoned")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=Path(SCREENSHOTS) / "map-jupyterlab.png")
    page.close()
