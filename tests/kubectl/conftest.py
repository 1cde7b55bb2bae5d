"""One cluster for all of these tests, and a namespace for each."""

import uuid
from collections.abc import Iterator

import pytest

from tests.kubectl.binaries import Kubectl, binaries
from tests.up import Up, up

BINARIES = binaries()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("kubectl")) as running:
        yield running


def _kubectl(version: str, cluster: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    name = "test-" + uuid.uuid4().hex[:8]
    folder = tmp_path_factory.mktemp("home")
    plain = Kubectl(BINARIES[version], cluster.kubeconfig, folder)
    plain("create", "namespace", name)
    own = folder / "kubeconfig"
    own.write_text(cluster.kubeconfig.read_text())
    kubectl = Kubectl(BINARIES[version], own, folder)
    kubectl("config", "set-context", "--current", "--namespace", name)
    yield kubectl
    plain("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubectl(cluster: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The newest kubectl, in a namespace of its own."""
    yield from _kubectl("newest", cluster, tmp_path_factory)


@pytest.fixture(params=list(BINARIES))
def each_kubectl(
    request: pytest.FixtureRequest, cluster: Up, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubectl]:
    """Every kubectl that there is, one after the other."""
    yield from _kubectl(request.param, cluster, tmp_path_factory)
