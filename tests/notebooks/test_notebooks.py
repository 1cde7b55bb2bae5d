"""Every notebook runs from the top on a fresh kernel and shows what is committed."""

from pathlib import Path

import nbformat
import pytest

from tests.notebooks.execution import differences, executed, notebooks


def test_the_map_and_the_two_node_cluster_are_there() -> None:
    assert {"00-map.ipynb", "08-two-node-cluster.ipynb"} <= {path.name for path in notebooks()}


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_committed_outputs_are_true(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    nbformat.validate(committed)
    found = differences(committed, executed(path))
    assert not found, "\n\n".join(["`make notebooks` writes the new outputs; read them before you commit them", *found])
