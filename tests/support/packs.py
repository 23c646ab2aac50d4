"""Packs for a server that lies: sound in themselves, but not what was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2

_PACKET_BYTES = 60_000


def closure(path: Path, commit: str) -> Iterator[str]:
    """The ids of all objects of one commit of the repository at ``path``, its parents left out."""
    repository = pygit2.Repository(str(path))
    yield commit
    pending = [repository[commit].peel(pygit2.Tree)]
    while pending:
        tree = pending.pop()
        yield str(tree.id)
        for each in tree:
            if isinstance(each, pygit2.Tree):
                pending.append(each)
            else:
                yield str(each.id)


def pack_of(path: Path, *ids: str) -> bytes:
    """A pack with just these objects of the repository at ``path``."""
    builder = pygit2.PackBuilder(pygit2.Repository(str(path)))
    for each in ids:
        builder.add(pygit2.Oid(hex=each))
    with tempfile.TemporaryDirectory() as directory:
        builder.write(directory)
        return next(Path(directory).glob("*.pack")).read_bytes()


def instead(pack: bytes) -> Callable[[bytes], bytes]:
    """What makes a server of tests send ``pack`` in place of each other pack."""
    chunks = [pack[at : at + _PACKET_BYTES] for at in range(0, len(pack), _PACKET_BYTES)]
    packets = b"".join(b"%04x\x01" % (len(chunk) + 5) + chunk for chunk in chunks) + b"0000"

    def spoil(body: bytes) -> bytes:
        at = body.find(b"PACK")
        return body if at < 0 else body[: at - 5] + packets

    return spoil
