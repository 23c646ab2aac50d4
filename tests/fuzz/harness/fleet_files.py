"""Fleet files. Promise: entries whose fields are known and of the right type, and problems that name a line of the
file in printable words; nothing is raised, and no URL is quoted with its password (what a broken one leaves
behind as a tag or a field's name is nothing that could be told for a secret).
"""

from netbox_hedgehog.fleetfile.read import doubled, read
from tests.support.fuzz import _TOKENS

WORDS = (
    *_TOKENS,
    *(
        b"apiVersion: netbox-hedgehog/v1\n",
        b"kind: GitRepository\n",
        b"kind: HedgehogFabric\n",
        b"kind: SchemaSource\n",
    ),
    *(
        b"name: a\n",
        b"url: https://u:c4n4ry-s3cr3t@h/a.git\n",
        b"password: c4n4ry-s3cr3t\n",
        b"sync_interval: ",
        b"budget_by_kind: {}\n",
    ),
)


def take(data: bytes) -> None:
    entries, problems = read(data, "fleet.yaml")
    problems += doubled(entries)
    last_line = data.count(b"\n") + data.count(b"\r") + 1
    for problem in problems:
        assert 1 <= problem.line <= last_line, problem
        assert str(problem).isprintable(), problem
        assert len(str(problem)) < 2000, problem
        assert "://u:c4n4ry-s3cr3t@" not in str(problem), problem
    for entry in entries:
        assert isinstance(entry.name, str)
        for name, value in entry.values.items():
            assert name in entry.kind.fields
            assert not entry.kind.type_problem(name, value)
