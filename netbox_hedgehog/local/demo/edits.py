"""The changes that the living demo fabric goes through, one per commit, for ever.

Every change writes or removes whole files that belong to this module, so that it never touches what somebody
pushed to the demo repository by hand, and the tree stays within a few files of its first state.
"""

from __future__ import annotations

from typing import Final

from netbox_hedgehog.local.demo import tenants
from netbox_hedgehog.local.demo.documents import to_yaml, wiring
from netbox_hedgehog.local.demo.plans import CHANGING

TRIALS: Final = ("trial-red", "trial-green", "trial-blue")
FIRST_TRIAL: Final = 50
TEAMS: Final = ("networking", "storage", "security", "platform")
LOAN_PORT: Final = CHANGING.leaf.down[-1]
LOANED: Final = "server-loan--unbundled--border-01"

type Files = dict[str, bytes]


def edit(files: Files, directory: str, number: int) -> tuple[Files, str]:
    """The tree after change ``number`` (from 1) and a commit message; it always differs from ``files``."""
    slot, step = divmod(number - 1, 4)
    name = TRIALS[slot % len(TRIALS)]
    path = f"{directory}/vpcs/{name}.yaml"
    without = {kept: content for kept, content in files.items() if kept != path}
    changed, message = (
        ({**files, path: _trial(name, grown=False)}, f"Add VPC {name} for a trial"),
        ({**files, path: _trial(name, grown=True)}, f"Give VPC {name} a storage subnet"),
        ({**files, **loan(directory, number)}, f"Lend server-loan to {_team(number)}"),
        (without, f"Remove VPC {name}, its trial is over"),
    )[step]
    if changed == files:
        return {**files, **loan(directory, number)}, f"Lend server-loan to {_team(number)}"
    return changed, message


def loan(directory: str, number: int) -> Files:
    """The one server that teams borrow in turn; each loan has its own ticket."""
    server = wiring("Server", "server-loan", {"description": f"on loan to {_team(number)}, ticket OPS-{1000 + number}"})
    link = {"server": {"port": "server-loan/enp2s1"}, "switch": {"port": f"border-01/{LOAN_PORT}"}}
    connection = wiring("Connection", LOANED, {"unbundled": {"link": link}})
    return {f"{directory}/wiring/loan.yaml": to_yaml([server, connection])}


def _trial(name: str, *, grown: bool) -> bytes:
    network = tenants.network(CHANGING, name, FIRST_TRIAL + TRIALS.index(name), with_storage=grown)
    attachments = [tenants.attachment(LOANED, name, "default")]
    if grown:
        attachments.append(tenants.attachment(LOANED, name, "storage"))
    return to_yaml([network, *attachments])


def _team(number: int) -> str:
    return TEAMS[number // 4 % len(TEAMS)]
