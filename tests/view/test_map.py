"""The map as it moves, in a real browser: it plays, steps and scrubs without a kernel and without a network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, expect

from controlplane import demo, picture
from controlplane.cluster import Cluster
from controlplane.conditions import nodes_ready
from controlplane.view import still
from controlplane.view.map import Map, module
from controlplane.view.recording import applied, as_json, difference, recording
from tests.view.browser import SCREENSHOTS, opened


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return demo.boot(seed=0)


@pytest.fixture(scope="module")
def page(browser: Browser, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    file = tmp_path_factory.mktemp("map") / "map.html"
    cluster.show().save(file)
    with opened(browser) as page:
        page.goto(file.as_uri())
        page.get_by_role("button", name="Play").wait_for()
        yield page


@pytest.fixture
def player(page: Page) -> Page:
    """The player at its end, nothing chosen."""
    page.reload()
    page.get_by_role("button", name="Play").wait_for()
    return page


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values)


@given(objects, objects)
def test_a_difference_applied_gives_the_new_object(old: dict, new: dict) -> None:
    assert json.dumps(applied(old, difference(old, new)), sort_keys=True) == json.dumps(new, sort_keys=True)


def test_a_recording_is_much_smaller_than_what_it_holds(cluster: Cluster) -> None:
    whole = sum(len(write.raw_after or b"") for write in cluster.history.writes)
    assert len(as_json(recording(cluster.history))) < whole / 2


def test_the_same_run_is_the_same_page(cluster: Cluster) -> None:
    assert cluster.show().html() == demo.boot(seed=0).show().html()


def test_nothing_in_it_comes_from_the_network(cluster: Cluster) -> None:
    html = cluster.show().html()
    assert "http" not in module().replace("http://www.w3.org/2000/svg", "").replace("r.http", "")
    assert "<script src" not in html and "<link" not in html


def test_the_still_picture_beside_it_says_the_same(cluster: Cluster) -> None:
    shown = still.scene_at(cluster.history)
    assert picture.text(shown) == cluster.picture()
    bundle, metadata = cluster.show()._repr_mimebundle_()
    assert metadata["image/svg+xml"]["alt"] == bundle["text/plain"]
    for pod in cluster.pods():
        assert all(pod["metadata"]["name"] in bundle[mime] for mime in ("text/html", "image/svg+xml", "text/plain"))


def test_the_browser_sees_every_revision_as_the_store_has_it(player: Page, cluster: Cluster) -> None:
    found = player.evaluate(
        """async ([source, recording]) => {
            const map = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
            const {steps, state} = map.unpack(recording), all = [];
            for (const step of steps) {
                step.new ? state.set(step.key, step.new) : state.delete(step.key);
                all.push([step.revision, Object.fromEntries(state)]);
            }
            return all;
        }""",
        [module(), recording(cluster.history)],
    )
    assert len(found) == len(cluster.history.writes)
    for revision, state in found[:: max(1, len(found) // 20)]:
        assert state == {key: bare(obj) for key, obj in cluster.history.at(revision).items()}


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "metadata": {name: value for name, value in obj["metadata"].items() if name != "managedFields"}}


def test_its_yaml_is_yaml(player: Page, cluster: Cluster) -> None:
    objects = [
        *cluster.history.at().values(),
        {"a": ["", "yes", "1e3", "- x", {"b": [[], {}, [1]]}, None, "x: y", "é\n"]},
    ]
    texts = player.evaluate(
        """async ([source, objects]) => {
            const map = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
            return objects.map((object) => map.yaml(object));
        }""",
        [module(), objects],
    )
    assert [yaml.safe_load(text) for text in texts] == objects


def test_it_shows_the_cluster_as_it_is(player: Page, cluster: Cluster) -> None:
    for pod in cluster.pods():
        node = player.locator(f"[data-box='node {pod['spec']['nodeName']}']")
        expect(node).to_contain_text(f"● {pod['metadata']['name']} · app:v1")
    expect(player.locator("[data-box=service]")).to_contain_text("4 ready endpoints")
    expect(player.locator("[data-box=ingress]")).to_contain_text("shop.example/ → web")
    for box in ("you", "scheduler", "controllers", "etcd", "server"):
        expect(player.locator(f"[data-box={box}]")).to_be_visible()
    player.screenshot(path=SCREENSHOTS / "map.png")


def test_scrubbing_redraws_everything_as_it_was(player: Page, cluster: Cluster) -> None:
    bound = next(i for i, w in enumerate(cluster.history.writes, 1) if w.subresource == "binding")
    player.get_by_role("slider", name="Step").fill(str(bound - 1))
    expect(player.locator("[data-box=scheduler] button")).to_have_count(4)
    expect(player.locator("[data-box='node node-a']")).to_contain_text("no Pods")
    player.get_by_role("button", name="One step on").click()
    expect(player.locator("[data-box=scheduler] button")).to_have_count(3)
    expect(player.get_by_role("status")).to_contain_text("scheduler: create pods/binding")
    expect(player.locator("[data-box=scheduler]")).to_have_class("cpm-box brain lit")
    assert player.locator("path.write:not(.head)").count() == 2, "one into the API server, one into etcd"
    assert player.locator("path.watch:not(.head)").count() == 1, "the kubelet hears of it"
    player.screenshot(path=SCREENSHOTS / "map-binding.png")
    player.get_by_role("slider", name="Step").fill("0")
    expect(player.locator("[data-box=service]")).to_contain_text("no Service")


def test_play_and_pause(player: Page) -> None:
    player.get_by_role("combobox", name="Speed").select_option("100")
    player.get_by_role("button", name="Play").click()
    player.get_by_role("button", name="Pause").click()
    here = player.get_by_role("slider").input_value()
    expect(player.get_by_role("button", name="Play")).to_be_visible()
    assert player.get_by_role("slider").input_value() == here
    player.get_by_role("button", name="Play").click()
    expect(player.get_by_role("slider")).to_have_value(player.get_by_role("slider").get_attribute("max") or "")
    expect(player.get_by_role("button", name="Play")).to_be_visible()


def test_an_object_tells_its_yaml_its_events_and_who_changed_it(player: Page, cluster: Cluster) -> None:
    name = cluster.pods()[0]["metadata"]["name"]
    player.get_by_role("button", name=name).first.click()
    side = player.get_by_role("region", name="What happens")
    expect(side).to_contain_text("Last changed by kubelet node-")
    expect(side).to_contain_text("Started: Container started")
    expect(side).to_contain_text("image: app:v1")
    expect(side).to_contain_text("you: patch deployments web")
    side.get_by_role("button", name="you: patch deployments web").click()
    expect(player.get_by_role("status")).to_contain_text("you: patch deployments web")
    expect(side).to_contain_text(f"{name} is not there at this step")


def test_the_keyboard_is_enough(player: Page) -> None:
    slider = player.get_by_role("slider")
    end = int(slider.input_value())
    player.get_by_role("button", name="One step back").focus()
    player.keyboard.press("ArrowLeft")
    assert int(slider.input_value()) < end
    player.keyboard.press("Home")
    expect(slider).to_have_value("0")
    player.keyboard.press("End")
    expect(slider).to_have_value(str(end))
    player.locator("[data-box='node node-a'] button").first.focus()
    player.keyboard.press("Enter")
    expect(player.locator("[data-box='node node-a'] button").first).to_have_attribute("aria-pressed", "true")
    assert player.evaluate("document.activeElement.textContent").startswith("node-a"), "the focus stays"


CONTRAST = """() => {
    const part = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
    const speaks = (element) => [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const ground = (element) => {
        while (element) {
            const colour = numbers(getComputedStyle(element).backgroundColor);
            if (colour[3] !== 0) return colour;
            element = element.parentElement;
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const element of document.querySelectorAll(".cpm *")) {
        if (!speaks(element)) continue;
        const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${element.textContent}: ${ratio}`);
    }
    return poor;
}"""


def test_everything_has_a_name_and_can_be_read(player: Page) -> None:
    assert player.evaluate(CONTRAST) == []
    for control in player.locator(".cpm button, .cpm input, .cpm select").all():
        assert control.evaluate("e => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim()")


def test_it_plays_in_exported_html(browser: Browser, cluster: Cluster, tmp_path: Path) -> None:
    output = new_output("execute_result", data=cluster.show()._repr_mimebundle_()[0], execution_count=1)
    notebook: nbformat.NotebookNode = new_notebook(cells=[new_code_cell("cluster.show()", outputs=[output])])
    html, _ = HTMLExporter(exclude_input=True).from_notebook_node(notebook)
    file = tmp_path / "exported.html"
    file.write_text(html)
    with opened(browser) as page:
        page.route(lambda url: url.startswith("http"), lambda route: route.fulfill(body=""))
        page.goto(file.as_uri(), wait_until="commit")
        page.get_by_role("button", name="One step back").click()
        expect(page.locator(".cpm")).to_have_count(1)
        expect(page.get_by_role("slider")).not_to_have_value(str(len(cluster.history.writes)))


def test_many_nodes_are_shown_in_groups(browser: Browser, tmp_path: Path) -> None:
    cluster = Cluster(nodes=45)
    assert cluster.history.first >= 1
    cluster.run_until(nodes_ready(45))
    Map(cluster.history).save(tmp_path / "many.html")
    with opened(browser) as page:
        page.goto((tmp_path / "many.html").as_uri())
        expect(page.locator("[data-box^=group]")).to_have_count(3)
        expect(page.locator("[data-box='group 40']")).to_contain_text("5 Ready")
        page.locator("[data-box='group 40'] button").click()
        expect(page.locator("[data-box='group 40']")).to_contain_text("node-45 · Ready")
        page.screenshot(path=SCREENSHOTS / "map-groups.png")
