"""Recorded requests are answered as kube-apiserver 1.36 answered them."""

from collections.abc import Iterator

import pytest

from tests.apiserver.serving import TOKEN, serving
from tests.conformance import replay


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[replay.Endpoint]:
    with serving(tmp_path_factory.mktemp("served")) as served:
        endpoint = replay.Endpoint(served.url, TOKEN)
        yield endpoint
        endpoint.close()


@pytest.mark.parametrize("name", replay.cases())
def test_answers_are_those_of_kubernetes(endpoint, name):
    results = replay.compare(endpoint, name)
    wrong = [f"step {i}: {line}" for i, lines in enumerate(results) for line in lines]
    assert not wrong, "\n".join(wrong)
