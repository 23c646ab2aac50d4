from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from model_bakery import baker

pytestmark = pytest.mark.django_db

OLD, NEW = "a former key of at least 32 characters", "the new key of at least 32 characters"


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("rotate_encryption_key", *arguments, stdout=output)
    return output.getvalue().strip()


@pytest.fixture
def repository(settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = [OLD]
    made = baker.make_recipe("tests.repository", name="core", password="hunter2", proxy_password="hunter3")
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW, OLD]
    return made


def test_it_counts_what_it_did_and_the_former_key_can_go(repository, settings):
    assert run("--dry-run").startswith("Would encrypt 2 credentials")
    assert run() == "Encrypted 2 credentials anew; 0 had the first key already; 0 fit none of the keys."
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW]
    repository.refresh_from_db()
    assert (repository.password.reveal(), repository.proxy_password.reveal()) == ("hunter2", "hunter3")
    assert run() == "Encrypted 0 credentials anew; 2 had the first key already; 0 fit none of the keys."


def test_what_no_key_fits_fails_it_by_name_and_shows_no_secret(repository, settings):
    settings.HEDGEHOG_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="core: password") as raised:
        run()
    assert "hunter" not in str(raised.value)
    assert "fernet" not in str(raised.value)
