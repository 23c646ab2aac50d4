"""Whole syncs from a real repository, on PostgreSQL and on SQLite: what the database says before, while and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netbox_hedgehog.models import FabricResource, HedgehogFabric
from netbox_hedgehog.sync import run
from netbox_hedgehog.sync.preview import preview
from netbox_hedgehog.sync.run import run_sync
from tests.support.databases import as_default, everything_stored, migrate_fully, sqlite
from tests.support.remote import WIRING, Remote, document
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["postgresql", "sqlite"], autouse=True)
def database(request: pytest.FixtureRequest, transactional_db: None, tmp_path: Path) -> Iterator[str]:
    """Each test runs on both; the tests' own server is PostgreSQL."""
    if request.param == "postgresql":
        yield "postgresql"
        return
    with sqlite("scratch", tmp_path / "fabrics.sqlite3") as connection:
        migrate_fully(connection)
        with as_default(connection):
            yield "sqlite"


class TestAConcurrentReader:
    """In a connection of its own, while a sync replaces two of three resources."""

    @pytest.fixture
    def fabric(self, remote: Remote) -> HedgehogFabric:
        remote.commit({"a.yaml": document("gone") + document("grows", n=1), "b.yaml": document("stays")})
        fabric = remote.fabric(budget_changes_percent=100, budget_deletions_percent=100)
        run_sync(fabric.pk, worker="test")
        return fabric

    @staticmethod
    def view(fabric: HedgehogFabric) -> Any:
        """All resources, and the commit and number that the fabric gives for them, in one statement."""
        columns = ("name", "spec", "source_path", "fabric__desired_state_commit", "fabric__resource_count")
        return list(FabricResource.objects.filter(fabric=fabric).order_by("name").values_list(*columns))

    @pytest.mark.parametrize("step", ["record_of", "apply_diff", "record_success"])
    def test_sees_the_old_state_whole_until_it_sees_the_new_one_whole(
        self, remote: Remote, fabric: HedgehogFabric, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        old = self.view(fabric)
        remote.commit({"a.yaml": document("grows", n=2) + document("new"), "b.yaml": document("stays")})
        seen: list[Any] = []
        original = getattr(run, step)

        def looked_at(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options)
            seen.extend(at_once(lambda: self.view(fabric)))
            return result

        monkeypatch.setattr(run, step, looked_at)
        result = run_sync(fabric.pk, worker="test")
        (new,) = at_once(lambda: self.view(fabric))
        assert seen == [old]
        assert [row[0] for row in new] == ["grows", "new", "stays"]
        assert {row[3:] for row in new} == {(result["commit"], 3)}

    def test_that_looks_again_and_again_never_sees_a_mixture(self, remote: Remote, fabric: HedgehogFabric) -> None:
        states = [self.view(fabric)]
        commits = [{"a.yaml": "".join(document(f"s{n}-{i}", n=n) for i in range(40))} for n in range(3)]
        done: list[bool] = []

        def sync_all() -> None:
            try:
                for files in commits:
                    remote.commit(files)
                    assert run_sync(fabric.pk, worker="test")["status"] == "succeeded"
                    states.append(self.view(fabric))
            finally:
                done.append(True)

        def look() -> list[Any]:
            seen = []
            while not done:
                if (view := self.view(fabric)) not in seen:
                    seen.append(view)
            return seen

        _, seen = at_once(sync_all, look)
        assert all(view in states for view in seen)


@pytest.mark.parametrize("state", ["never synced", "synced"])
def test_a_preview_writes_nothing_into_either_database(remote: Remote, state: str) -> None:
    remote.commit({"a.yaml": document("gone") + document("grows", n=1)})
    fabric = remote.fabric()
    if state == "synced":
        run_sync(fabric.pk, worker="test")
    remote.commit({"a.yaml": document("grows", n=2) + document("new")})
    before = everything_stored()
    seen = preview(fabric.pk)
    assert (seen.error, seen.counts.total) == (None, 2)
    assert everything_stored() == before
    HedgehogFabric.objects.update(description="")
    assert everything_stored() != before, "even a write that changes nothing would have shown"


numbers = count()
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=4,
)
identities = st.tuples(st.sampled_from(["Switch", "Server", "Connection"]), st.sampled_from("abcd"))
contents = st.fixed_dictionaries({"spec": st.dictionaries(st.sampled_from("pq"), values, max_size=2), "label": texts})
places = st.sampled_from(["a.yaml", "b.json", "deep/er/c.yml"])
states = st.dictionaries(identities, st.tuples(places, contents), max_size=8)
type State = dict[tuple[str, str], tuple[str, dict[str, Any]]]


def text_of(state: State, path: str) -> str | None:
    """The documents of one file; None without any."""
    documents = [
        # In YAML, unlike in JSON, an escaped surrogate is no character; Kubernetes' parser refuses it, too.
        json.dumps(
            {
                "apiVersion": WIRING,
                "kind": kind,
                "metadata": {"name": name, "annotations": {"example.com/note": content["label"]}},
                "spec": content["spec"],
            },
            ensure_ascii=path.endswith(".json"),
        )
        for (kind, name), (place, content) in state.items()
        if place == path
    ]
    if path.endswith(".json"):
        return f'{{"apiVersion": "v1", "kind": "List", "items": [{", ".join(documents)}]}}' if documents else None
    return "".join(f"---\n{document}\n" for document in documents) or None


def commit(remote: Remote, old: State, new: State) -> None:
    """Write what differs between two states, and nothing else."""
    paths = {place for place, _ in (*old.values(), *new.values())}
    edits = {path: text_of(new, path) for path in paths if text_of(new, path) != text_of(old, path)}
    remote.commit({"README.md": str(next(numbers)), **edits})


def stored(fabric: HedgehogFabric) -> dict[tuple[str, str], Any]:
    rows = FabricResource.objects.filter(fabric=fabric)
    return {
        (row.kind, row.name): (row.source_path, {"spec": row.spec, "label": row.annotations["example.com/note"]})
        for row in rows
    }


def expected_counts(old: State, new: State) -> tuple[int, int, int, int]:
    """Created, updated, deleted, unchanged; comparing as JSON, because Python takes 1 for true."""
    both = old.keys() & new.keys()
    updated = sum(_json(old[each][1]) != _json(new[each][1]) for each in both)
    return len(new.keys() - both), updated, len(old.keys() - both), len(both) - updated


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def as_json(state: State) -> dict[tuple[str, str], str]:
    return {identity: _json(rest) for identity, rest in state.items()}


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(states, min_size=2, max_size=4))
def test_after_each_sync_the_database_equals_the_tree_and_the_counts_add_up(
    remote: Remote, history: list[State]
) -> None:
    remote = Remote(remote.server, f"{next(numbers)}.git")
    fabric = remote.fabric(budget_deletions_percent=100, budget_changes_percent=100)
    tree: State = {}
    last_good: State = {}
    for new in history:
        commit(remote, tree, new)
        tree = new
        foreseen = preview(fabric.pk)
        result = run_sync(fabric.pk, worker="test")
        if last_good and not new:
            assert (result["status"], foreseen.error.code) == ("failed", "sync.directory_emptied")  # type: ignore[union-attr]
        else:
            counts = tuple(result[name] for name in ("created", "updated", "deleted", "unchanged"))  # type: ignore[literal-required]
            assert counts == expected_counts(last_good, new)
            assert (foreseen.commit, foreseen.counts.total) == (result["commit"], len(new))
            last_good = new
        assert as_json(stored(fabric)) == as_json(last_good)
        assert run_sync(fabric.pk, worker="test")["created"] == 0
