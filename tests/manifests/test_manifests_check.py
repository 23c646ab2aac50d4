"""What holds for the cross-resource checks whatever the content is."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netbox_hedgehog.manifests import Resource, Severity, check, facts_of
from netbox_hedgehog.manifests import finding as finding_module
from netbox_hedgehog.manifests.extract import MOST_OF_ONE_SORT
from netbox_hedgehog.manifests.fields import steps_of, value_beside, values_at
from netbox_hedgehog.manifests.rules import GROUPS, REFERENCES, SUBNET_REFERENCES
from netbox_hedgehog.manifests.spans import Ranges, Span, ipv4_span, overlapping
from tests.support.corpus import CORPUS, FABRICS, findings, resources
from tests.support.resources import LEAF

QUICK = settings(max_examples=100, deadline=None)


def of_kind(kind: str, name: str, spec: Any, *, namespace: str = "default", line: int = 1) -> Resource:
    version = "v1alpha1" if GROUPS[kind].startswith("gateway") else "v1beta1"
    return LEAF._replace(
        api_version=f"{GROUPS[kind]}/{version}", kind=kind, namespace=namespace, name=name, spec=spec, line=line
    )


def cable(name: str, switch_port: str, server_port: str) -> Resource:
    spec = {"unbundled": {"link": {"switch": {"port": switch_port}, "server": {"port": server_port}}}}
    return of_kind("Connection", name, spec)


class TestHostileValues:
    values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=6)
        | st.just("a/b")
        | st.just("9" * 99),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    )
    fields = sorted(
        {rule.field for rule in (*REFERENCES, *SUBNET_REFERENCES)} | {"subnets{}.vlan", "ranges[].from", "asn"}
    )

    @staticmethod
    def nested(steps: list[str], leaf: Any) -> Any:
        for step in reversed(steps):
            leaf = [leaf] if step == "[]" else {"key" if step in {"{}", "{key}"} else step: leaf}
        return leaf

    @QUICK
    @given(st.data())
    def test_never_raise_wherever_they_stand(self, data):
        found = []
        for number, kind in enumerate(data.draw(st.lists(st.sampled_from(sorted(GROUPS)), max_size=6))):
            steps = [getattr(step, "value", step) for step in steps_of(data.draw(st.sampled_from(self.fields)))]
            depth = data.draw(st.integers(0, len(steps)))
            spec = self.nested(steps[:depth], data.draw(self.values))
            found.append(of_kind(kind, f"r{number % 3}", spec if isinstance(spec, dict) else {"subnet": spec}))
        for each in findings(found):
            assert each.code
            assert each.message.isprintable()
            assert each.field.isprintable()

    def test_as_many_as_fit_into_a_file_are_looked_at_in_part_and_that_is_said(self):
        facts = facts_of(of_kind("VPC", "a", {"permit": [["x"] * 50_000, "y"], "subnets": {}}))
        assert facts is not None
        assert len(facts.subnet_mentions) == MOST_OF_ONE_SORT
        assert "50000 values stand here" in facts.flaws[0].message

    def test_a_long_name_does_not_make_a_long_message(self):
        found = findings([of_kind("Switch", "a", {"groups": ["g" * 100_000]}), of_kind("SwitchGroup", "b", {})])
        assert [len(each.message) < 1000 for each in found if each.code == "reference.missing"] == [True]


class TestNumber:
    def test_of_findings_is_bounded_and_the_rest_is_counted(self, monkeypatch):
        monkeypatch.setattr(finding_module, "MOST_OF_A_CODE", 2)
        found = findings(
            [of_kind("Switch", "leaf", {}), *(cable(f"c{n}", f"gone/E1/{n}", f"s{n}/e1") for n in range(5))]
        )
        missing = [each.message for each in found if each.code == "reference.missing"]
        assert missing == [
            "Switch default/gone does not exist",
            "Switch default/gone does not exist (and 3 more like this)",
        ]

    def test_of_one_rule_hides_no_finding_of_another(self, monkeypatch):
        monkeypatch.setattr(finding_module, "MOST_OF_A_CODE", 1)
        cables = [cable(f"c{n}", "leaf/E1/1", f"s{n}/e1") for n in range(3)]
        codes = [each.code for each in findings([of_kind("Switch", "leaf", {}), *cables])]
        assert codes.count("port.in_use") == 1
        assert "reference.unverified" in codes


class TestReferences:
    def test_a_name_means_a_resource_of_its_own_namespace(self):
        switches = [of_kind("Switch", "leaf", {}, namespace=name) for name in ("default", "lab")]
        here = cable("c", "leaf/E1/1", "s/e1")
        there = here._replace(namespace="prod")
        found = [each for each in findings([*switches, here, there]) if each.code == "reference.missing"]
        assert [each.key[2] for each in found] == ["prod"]

    def test_a_resource_of_another_api_group_is_none_of_ours(self):
        foreign = of_kind("Switch", "leaf", {"groups": 1})._replace(api_version="other.githedgehog.com/v1")
        assert facts_of(foreign) is None

    def test_the_version_makes_no_difference(self):
        switch = of_kind("Switch", "leaf", {})._replace(api_version="wiring.githedgehog.com/v1alpha2")
        codes = {each.code for each in findings([switch, cable("c", "leaf/E1/1", "s/e1")])}
        assert "reference.missing" not in codes

    def test_a_kind_that_git_does_not_hold_is_one_warning_with_its_number(self):
        found = findings([cable(f"c{n}", f"leaf/E1/{n}", f"s{n}/e1") for n in range(7)])
        assert sorted((each.severity, each.message[-1]) for each in found) == [(Severity.WARNING, "7")] * 2


class TestPaths:
    def test_every_rule_names_kinds_that_are_known(self):
        assert {rule.kind for rule in (*REFERENCES, *SUBNET_REFERENCES)} | {rule.target for rule in REFERENCES} <= set(
            GROUPS
        )

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("a.b", [(("a", "b"), 1)]),
            ("list[].n", [(("list", 0, "n"), 1), (("list", 2, "n"), 3)]),
            ("map{}", [(("map", "x"), [5]), (("map", "y"), [])]),
            ("map{key}", [(("map", "x"), "x"), (("map", "y"), "y")]),
            ("map{}[]", [(("map", "x", 0), 5)]),
            ("none", []),
            ("a.b.c", []),
            ("a[]", []),
        ],
    )
    def test_they_find_each_value_with_its_own_field(self, path, found):
        spec = {"a": {"b": 1}, "list": [{"n": 1}, 7, {"n": 3}], "map": {"x": [5], "y": []}, "none": None}
        assert values_at(spec, steps_of(path)) == found

    def test_a_value_beside_is_found_by_the_steps_that_are_shared(self):
        spec = {"permit": [{"x": {"n": 1}}, {"y": {"n": 2}}], "name": "vpc"}
        assert value_beside(spec, steps_of("permit[]{key}"), ("permit", 1, "y", "subnets", 0)) == "y"
        assert value_beside(spec, steps_of("permit[]{}.n"), ("permit", 1, "y", "subnets", 0)) == 2
        assert value_beside(spec, steps_of("name.x"), ()) is None


class TestSpans:
    prefixes = st.builds(
        lambda address, length: str(IPv4Network((address, length), strict=False)),
        st.integers(0, 2**10 - 1).map(lambda low: (10 << 24) + low),
        st.integers(22, 32),
    )

    @QUICK
    @given(st.lists(prefixes, max_size=12))
    def test_those_that_overlap_another_are_found_as_by_comparing_all_pairs(self, texts):
        spans = [(ipv4_span((), text), number) for number, text in enumerate(texts)]
        found = [(one[1], other[1]) for one, other in overlapping(spans)]
        networks = [IPv4Network(text) for text in texts]
        assert all(networks[one].overlaps(networks[other]) for one, other in found)
        # Prefixes are nested or apart: all but the widest of each heap overlap one before them.
        widest = [n for n, net in enumerate(networks) if not any(net != o and net.subnet_of(o) for o in networks)]
        heaps = {networks[number] for number in widest}
        assert len(found) == len(texts) - len(heaps)

    @QUICK
    @given(st.lists(prefixes, max_size=8), prefixes)
    def test_within_a_namespace_is_within_one_of_its_ranges(self, ranges, text):
        inside = any(IPv4Network(text).subnet_of(IPv4Network(each)) for each in ranges)
        assert (ipv4_span((), text) in Ranges(ipv4_span((), each) for each in ranges)) == inside

    @QUICK
    @given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=8))
    def test_ranges_that_overlap_in_part_are_found_too(self, ranges):
        spans = [(Span((), first, first + length, ""), number) for number, (first, length) in enumerate(ranges)]
        later = {one[1] for one, _ in overlapping(spans)}
        order = sorted(range(len(spans)), key=lambda n: (spans[n][0].first, -spans[n][0].last))
        expected = {n for i, n in enumerate(order) if any(spans[m][0].last >= spans[n][0].first for m in order[:i])}
        assert later == expected

    @pytest.mark.parametrize(
        "text", ["10.0.0.0", "10.0.0.0/33", "10.0.0.256/24", "10.0.0.0/08", "10.0.0.0/24\n", "\u0661.0.0.0/8"]
    )
    def test_what_is_no_prefix_is_refused(self, text):
        with pytest.raises(ValueError, match="IPv4 prefix"):
            ipv4_span((), text)


def test_facts_do_not_depend_on_other_resources():
    fabric = CORPUS / "spine-leaf-eslag-externals"
    assert fabric in FABRICS
    alone = [facts_of(each) for each in resources(fabric)]
    assert check(facts for facts in alone if facts) == findings(resources(fabric))
