"""A real etcd, started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.etcd.real import real_etcd


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real etcd."""
    with real_etcd(tmp_path_factory.mktemp("etcd")) as address:
        yield address
