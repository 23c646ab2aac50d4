from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.support.databases import migrate_fully, sqlite


@pytest.fixture(scope="session")
def _sqlite(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with django_db_blocker.unblock(), sqlite("sqlite", tmp_path_factory.mktemp("sqlite") / "db") as connection:
        migrate_fully(connection)
        yield "sqlite"


@pytest.fixture(params=["default", "sqlite"])
def database(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """The alias of a database that forgets what the test wrote: the tests' PostgreSQL, and SQLite."""
    if request.param == "default":
        yield "default"
        return
    with transaction.atomic(using=request.getfixturevalue("_sqlite")):
        yield "sqlite"
        transaction.set_rollback(True, using="sqlite")
