"""Secrets that are easy to recognise, and the search for them wherever they must not be."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import redis
import requests

from tests.chaos.forge import USERNAME

if TYPE_CHECKING:
    from tests.chaos.world import World


@dataclass(frozen=True)
class Secrets:
    """Canaries: nobody but who needs them may ever see them."""

    git_password: str = "canary-git-7f3a9c51e2"
    secret_key: str = "canary-django-0b1d8e44a7-of-sufficient-length-for-the-checks-0123456789"
    encryption_key: str = "canary-encryption-95c2f0d3b8"
    admin_password: str = "canary-admin-63e7a1f09d"

    def environment(self) -> dict[str, str]:
        return {"SECRET_KEY": self.secret_key, "HEDGEHOG_ENCRYPTION_KEY": self.encryption_key}

    def marks(self) -> list[bytes]:
        """By which a secret is known: itself, or as HTTP carries it."""
        each = (self.git_password, self.secret_key, self.encryption_key, self.admin_password)
        return [*(secret.encode() for secret in each), *(b64encode(f"{USERNAME}:{secret}".encode()) for secret in each)]


def leaks(world: World, secrets: Secrets) -> list[str]:
    """Where a secret stands in clear: database, broker and cache, logs, mirrors, command lines, pages."""
    with requests.Session() as session:
        _sign_in(session, world, secrets)
        return [
            f"secret: {mark[:10].decode()}… in {place}"
            for place, content in _places(world, session)
            for mark in secrets.marks()
            if mark in content
        ]


def _places(world: World, session: requests.Session) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(world.database.url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'witness')"
        ).fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:  # type: ignore[arg-type]
                yield f"table {table}", b"".join(map(bytes, copy))
    for number in (0, 1):
        with redis.Redis.from_url(f"{world.valkey_url}/{number}") as client:
            for key in client.scan_iter(count=1000):
                yield f"key {key!r}", key + (client.dump(key) or b"")
    for path in world.scratch.rglob("*"):
        if path.is_file() and path.relative_to(world.scratch).parts[0] != "pg":
            try:
                yield str(path.relative_to(world.scratch)), path.read_bytes()
            except FileNotFoundError:
                continue  # a mirror that was replaced
    for child in world.children:
        yield f"arguments of {child.name}", child.arguments()
    for page in ("", *(f"netbox_hedgehog/{name}/" for name in ("hedgehogfabric", "gitrepository", "syncrun"))):
        answer = session.get(f"http://127.0.0.1:{world.port}/admin/{page}", timeout=60)
        answer.raise_for_status()
        yield f"page {page}", answer.content


def _sign_in(session: requests.Session, world: World, secrets: Secrets) -> None:
    address = f"http://127.0.0.1:{world.port}/admin/login/"
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', session.get(address, timeout=60).text)
    assert token
    form = {"username": "boss", "password": secrets.admin_password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
    answer = session.post(address, data=form, headers={"Referer": address}, timeout=60)
    assert "/login/" not in answer.url, answer.text[:2000]
