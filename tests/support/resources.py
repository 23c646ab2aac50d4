"""Resources as values, and tables of them for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from netbox_hedgehog.manifests import Resource
from tests.support.remote import WIRING

LEAF = Resource(
    api_version=WIRING,
    kind="Switch",
    namespace="default",
    name="leaf",
    labels={},
    annotations={},
    spec={"role": "leaf"},
    path="a.yaml",
    line=1,
)

# Name of a resource to its content and its line.
tables = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 2), st.integers(1, 2)))


def resources(table: dict[str, tuple[int, int]]) -> list[Resource]:
    return [LEAF._replace(name=name, spec={"n": content}, line=line) for name, (content, line) in table.items()]
