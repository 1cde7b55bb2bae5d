"""Whatever the fields of an object hold, its defaults and checks come to an end without an exception."""

from __future__ import annotations

import copy
import random

import pytest

from controlplane.apiserver import defaults
from controlplane.apiserver.fields import FieldError
from controlplane.apiserver.strategies import Context
from controlplane.apiserver.strategies.table import STRATEGIES
from tests.apiserver.any_object import any_object

HUBS = {"autoscaling": "autoscaling/v2"}
KINDS = [(HUBS.get(g) or (f"{g}/v1" if g else "v1"), g, k) for g, k in STRATEGIES]


@pytest.mark.parametrize(("api_version", "group", "kind"), KINDS, ids=lambda v: v)
def test_nothing_is_raised(api_version: str, group: str, kind: str) -> None:
    rng, strategy = random.Random(f"{group}/{kind}"), STRATEGIES[group, kind]
    stored = None
    for _ in range(40):
        new = any_object(api_version, kind, rng)
        defaults.apply(api_version, kind, new)
        context = Context(0.0, rng)
        created = copy.deepcopy(new)
        strategy.prepare_for_create(created, context)
        errors = strategy.validate_create(created, context)
        strategy.warnings(created)
        strategy.check_graceful_delete(created, {})
        old = stored or created
        before = copy.deepcopy(old)
        for prepare, validate in (
            (strategy.prepare_for_update, strategy.validate_update),
            (strategy.prepare_for_status_update, strategy.validate_status_update),
        ):
            changed, context = copy.deepcopy(new), Context(0.0, rng)
            prepare(changed, old, context)
            errors += validate(changed, old, context)
        assert all(isinstance(e, FieldError) and e.path and str(e) for e in errors)
        assert old == before, "the old object is not ours to change"
        stored = created if rng.random() < 0.5 else stored


@pytest.mark.parametrize(("api_version", "group", "kind"), KINDS, ids=lambda v: v)
def test_defaults_settle(api_version: str, group: str, kind: str) -> None:
    """Defaults of an object that has its defaults change nothing: reading does not write."""
    rng = random.Random(f"{kind}/{group}")
    for _ in range(20):
        once = any_object(api_version, kind, rng)
        defaults.apply(api_version, kind, once)
        twice = copy.deepcopy(once)
        defaults.apply(api_version, kind, twice)
        assert twice == once
