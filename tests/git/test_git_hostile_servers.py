from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from netbox_hedgehog.errors import NeedsOperator, RetryLater
from netbox_hedgehog.git import GitLimits, GitSource, mirror_at, remote_head
from tests.git.conftest import remains
from tests.support.git_server import GitServer, commit_files, drip_greeting, hang, tcp_server
from tests.support.packs import closure, instead, pack_of

type Make = Callable[..., GitSource]
SHORT = GitLimits(timeout_seconds=0.5)


@pytest.mark.parametrize("talk", [hang, drip_greeting])
def test_a_server_that_never_finishes_is_left_in_time(source: Make, talk: Callable[..., None]) -> None:
    with tcp_server(talk) as url:
        started = time.monotonic()
        with pytest.raises(RetryLater) as caught:
            remote_head(source(url=url, limits=SHORT))
        elapsed = time.monotonic() - started
    assert caught.value.code == "git.timeout"
    assert 0.4 < elapsed < 3


def list_refs_for_ever(connection: socket.socket, stop: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
        b"Content-Length: 100000000000\r\n\r\n001e# service=git-upload-pack\n0000"
    )
    ref = b"003f" + b"ab" * 20 + b" refs/heads/branch\n"
    while not stop.is_set():
        connection.sendall(ref * 1000)


def test_a_server_that_lists_refs_without_end_is_left(source: Make) -> None:
    with tcp_server(list_refs_for_ever) as url, pytest.raises(NeedsOperator) as caught:
        remote_head(source(url=url, limits=GitLimits(max_received_bytes=1_000_000)))
    assert caught.value.code == "git.too_large"


@pytest.mark.parametrize("update", [False, True])
def test_a_fetch_that_hangs_is_left_in_time_and_leaves_nothing(
    source: Make, server: GitServer, fabric: Path, tmp_path: Path, update: bool
) -> None:
    root = tmp_path / "mirrors"
    if update:
        mirror_at(root, source(), remote_head(source())).close()
    before = remains(root) if update else []
    head = commit_files(fabric, {"fabric/switch.yaml": b"kind: Server\n"}, "second")
    over = threading.Event()

    def hang_at_the_pack(body: bytes) -> bytes:
        if b"PACK" in body:
            over.wait(30)
        return body

    server.spoil = hang_at_the_pack
    with pytest.raises(RetryLater) as caught:
        mirror_at(root, source(limits=SHORT), head)
    over.set()
    assert caught.value.code == "git.timeout"
    assert remains(root) == before
    assert not list(root.rglob("pack_*"))
    server.spoil = None
    assert head in mirror_at(root, source(), head)


def test_a_pack_that_drips_is_left_in_time_and_leaves_nothing(source: Make, server: GitServer, tmp_path: Path) -> None:
    head = remote_head(source())

    def drip_the_pack(connection: socket.socket, stop: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as upstream:
            while not stop.is_set():
                for each in select.select([connection, upstream], [], [], 0.05)[0]:
                    data = each.recv(65536)
                    if not data:
                        return
                    if each is connection:
                        upstream.sendall(data)
                    elif b"PACK" in data:
                        for byte in data:
                            connection.sendall(bytes([byte]))
                            stop.wait(0.05)
                    else:
                        connection.sendall(data)

    with tcp_server(drip_the_pack) as url, pytest.raises(RetryLater) as caught:
        mirror_at(tmp_path / "mirrors", source(url=url, limits=GitLimits(timeout_seconds=1.5)), head)
    assert caught.value.code == "git.timeout"
    assert remains(tmp_path / "mirrors") == []


def test_a_server_that_talks_nonsense_is_tried_again(source: Make) -> None:
    def talk(connection: socket.socket, _: object) -> None:
        connection.sendall(b"220 ready when you are\r\n")

    with tcp_server(talk) as url, pytest.raises(RetryLater) as caught:
        remote_head(source(url=url, limits=SHORT))
    assert caught.value.code == "git.network"


def test_a_web_page_is_not_a_repository(source: Make, server: GitServer) -> None:
    server.spoil = lambda _: b"<html>Sign in</html>"
    with pytest.raises(RetryLater) as caught:
        remote_head(source())
    assert caught.value.code == "git.network"


def cut_pack(body: bytes) -> bytes:
    return body[:-30] if b"PACK" in body else body


def flip_pack(body: bytes) -> bytes:
    at = body.find(b"PACK") + 20
    return body if at < 20 else body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]


@pytest.mark.parametrize("spoil", [cut_pack, flip_pack])
def test_a_damaged_pack_leaves_nothing_behind(
    source: Make, server: GitServer, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    root = tmp_path / "mirrors"
    head = remote_head(source())
    server.spoil = spoil
    with pytest.raises(RetryLater) as caught:
        mirror_at(root, source(), head)
    assert caught.value.code in {"git.network", "git.corrupt"}
    assert remains(root) == []
    server.spoil = None
    assert head in mirror_at(root, source(), head)


@pytest.mark.parametrize("sent", ["nothing", "a stranger", "the commit alone"])
def test_a_sound_pack_of_the_wrong_objects_is_not_taken_for_the_right_one(
    source: Make, server: GitServer, fabric: Path, tmp_path: Path, sent: str
) -> None:
    root, other = tmp_path / "mirrors", tmp_path / "other.git"
    head = remote_head(source())
    stranger = commit_files(other, {"fabric/switch.yaml": b"kind: Other\n"}, "a stranger's")
    server.spoil = {
        "nothing": instead(pack_of(fabric)),
        "a stranger": instead(pack_of(other, *closure(other, stranger))),
        "the commit alone": instead(pack_of(fabric, head)),
    }[sent]
    with pytest.raises(RetryLater) as caught:
        mirror_at(root, source(), head)
    assert caught.value.code == "git.corrupt"
    assert remains(root) == []
    server.spoil = None
    assert head in mirror_at(root, source(), head)


@pytest.mark.parametrize("spoil", [cut_pack, flip_pack])
def test_a_damaged_update_leaves_the_mirror_usable(
    source: Make, server: GitServer, fabric: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    root = tmp_path / "mirrors"
    first = remote_head(source())
    mirror_at(root, source(), first)
    second = commit_files(fabric, {"fabric/switch.yaml": b"kind: Server\n"}, "second")
    server.spoil = spoil
    with pytest.raises(RetryLater):
        mirror_at(root, source(), second)
    assert not list(root.rglob("*/pack/pack_*"))
    server.spoil = None
    assert second in mirror_at(root, source(), second)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (GitLimits(max_received_bytes=100_000), "git.too_large"),
        (GitLimits(max_objects=2), "git.too_many_objects"),
    ],
)
def test_a_fetch_that_outgrows_its_limits_is_stopped(
    source: Make, fabric: Path, tmp_path: Path, limits: GitLimits, code: str
) -> None:
    incompressible = random.Random(1).randbytes(1_000_000)
    head = commit_files(fabric, {"fabric/big.yaml": incompressible}, "big")
    with pytest.raises(NeedsOperator, match="limit") as caught:
        mirror_at(tmp_path / "mirrors", source(limits=limits), head)
    assert caught.value.code == code
    assert remains(tmp_path / "mirrors") == []


def test_chatter_that_is_not_text_harms_nothing(source: Make, server: GitServer, tmp_path: Path) -> None:
    head = remote_head(source())
    chatter = b"\x02\xff\xfe half a \xc3"
    packet = f"{len(chatter) + 4:04x}".encode() + chatter

    def talk(body: bytes) -> bytes:
        at = body.find(b"PACK")
        return body if at < 0 else body[: at - 5] + packet + body[at - 5 :]

    server.spoil = talk
    assert head in mirror_at(tmp_path / "mirrors", source(), head)
