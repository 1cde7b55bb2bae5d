"""One cluster with nodes for all of these tests."""

from collections.abc import Iterator

import pytest

from tests.up import Up, up


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("clients")) as running:
        yield running
