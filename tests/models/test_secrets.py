"""Secrets are stored encrypted and shown to nobody who does not ask for them by name."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.forms.models import model_to_dict
from hypothesis import given
from hypothesis import strategies as st
from model_bakery import baker

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.models.fields import PREFIX, EncryptedTextField, Secret
from tests.baker_recipes import NOW

pytestmark = pytest.mark.django_db

PLAIN = "hunter2 with ünïcode\nand lines"
SECRET_COLUMNS = ("password", "ssh_private_key", "ssh_key_passphrase", "proxy_password")


@pytest.fixture
def repository() -> GitRepository:
    made: GitRepository = baker.make_recipe("tests.repository", **dict.fromkeys(SECRET_COLUMNS, PLAIN))
    return made


def stored(repository: GitRepository, column: str = "password") -> str:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM netbox_hedgehog_gitrepository WHERE id = %s', [repository.pk])
        value: str = cursor.fetchone()[0]
        return value


def is_ciphertext(value: str) -> bool:
    return value.startswith(PREFIX) and "hunter2" not in value and len(value) > 100


def test_exactly_the_credentials_are_encrypted():
    fields = [field.name for field in GitRepository._meta.get_fields() if isinstance(field, EncryptedTextField)]
    assert tuple(fields) == SECRET_COLUMNS


WRITES: dict[str, Callable[[GitRepository, Any], object]] = {
    "save": lambda row, value: (setattr(row, "password", value), row.save()),
    "save of it": lambda row, value: (setattr(row, "password", value), row.save(update_fields=["password"])),
    "update": lambda row, value: GitRepository.objects.filter(pk=row.pk).update(password=value),
    "bulk_update": lambda row, value: (
        setattr(row, "password", value),
        GitRepository.objects.bulk_update([row], ["password"]),
    ),
    "update_or_create": lambda row, value: GitRepository.objects.update_or_create(
        pk=row.pk, defaults={"password": value}
    ),
}  # fmt: skip


class TestAtRest:
    @pytest.mark.parametrize("column", SECRET_COLUMNS)
    def test_the_column_holds_ciphertext_that_differs_each_time(self, repository, column):
        assert is_ciphertext(stored(repository, column))
        assert len({stored(repository, name) for name in SECRET_COLUMNS}) == len(SECRET_COLUMNS)

    @pytest.mark.parametrize("way", WRITES)
    @pytest.mark.parametrize("value", ["hunter2 anew", Secret.of("hunter2 anew")], ids=["text", "secret"])
    def test_every_way_of_writing_encrypts(self, repository, way, value):
        WRITES[way](repository, value)
        assert is_ciphertext(stored(repository))
        assert GitRepository.objects.get(pk=repository.pk).password.reveal() == "hunter2 anew"

    def test_so_does_creating_many(self):
        (row,) = GitRepository.objects.bulk_create([GitRepository(name="x", url="y", password="hunter2")])
        assert is_ciphertext(stored(row))
        assert GitRepository.objects.get(pk=row.pk).password.reveal() == "hunter2"

    @pytest.mark.parametrize("empty", ["", None, Secret("")])
    def test_empty_stays_empty(self, repository, empty):
        repository.password = empty
        repository.save()
        assert stored(repository) == ""
        again = GitRepository.objects.get(pk=repository.pk)
        assert not again.password
        assert again.password.reveal() == ""
        assert str(again.password) == ""
        assert GitRepository.objects.filter(password="").count() == 1

    def test_saving_again_does_not_encrypt_anew(self, repository):
        before = stored(repository)
        GitRepository.objects.get(pk=repository.pk).save()
        assert stored(repository) == before

    @given(st.text())
    def test_every_text_comes_back(self, text):
        secret = Secret.of(text)
        assert secret.reveal() == text
        assert bool(secret) is bool(text)

    def test_a_password_that_looks_like_ciphertext_is_encrypted_too(self, repository):
        repository.password = f"{PREFIX}hunter2"
        repository.save()
        assert is_ciphertext(stored(repository))
        assert GitRepository.objects.get(pk=repository.pk).password.reveal() == f"{PREFIX}hunter2"


LOADS: dict[str, Callable[[GitRepository], Secret]] = {
    "get": lambda row: GitRepository.objects.get(pk=row.pk).password,
    "only": lambda row: GitRepository.objects.only("password").get(pk=row.pk).password,
    "only another": lambda row: GitRepository.objects.only("name").get(pk=row.pk).password,
    "defer": lambda row: GitRepository.objects.defer("password").get(pk=row.pk).password,
    "values": lambda row: GitRepository.objects.values("password").get(pk=row.pk)["password"],
    "values_list": lambda row: GitRepository.objects.values_list("password", flat=True).get(pk=row.pk),
    "refresh": lambda row: (row.refresh_from_db(), row.password)[1],
    "unsaved": lambda row: row.password,
    "full_clean": lambda row: (row.full_clean(), row.password)[1],
    "raw": lambda row: GitRepository.objects.raw("SELECT * FROM netbox_hedgehog_gitrepository")[0].password,
}  # fmt: skip


class TestLoading:
    @pytest.mark.parametrize("way", LOADS)
    def test_every_way_of_reading_gives_a_secret(self, repository, way):
        secret = LOADS[way](repository)
        assert isinstance(secret, Secret)
        assert secret.reveal() == PLAIN
        assert "hunter2" not in str(secret)

    def test_nothing_is_decrypted_by_loading(self, repository, monkeypatch):
        monkeypatch.setattr(Secret, "reveal", lambda self: pytest.fail("decrypted"))
        assert GitRepository.objects.get(pk=repository.pk).password
        assert list(GitRepository.objects.filter(pk=repository.pk).values())

    def test_a_deferred_secret_costs_its_query_when_it_is_read_only(self, repository, django_assert_num_queries):
        with django_assert_num_queries(1):
            row = GitRepository.objects.defer("password").get(pk=repository.pk)
        with django_assert_num_queries(1):
            assert row.password


SURFACES: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "f-string": lambda secret: f"{secret}",
    "padded": lambda secret: f"{secret:>20}",
    "format": "{}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "in a list": lambda secret: str([secret]),
    "in a dict": lambda secret: repr({"password": secret}),
    "json": lambda secret: json.dumps({"password": secret}, default=str),
    "exception": lambda secret: repr(ValueError(secret)),
    "pickled": lambda secret: pickle.dumps(secret).decode("latin-1"),
    "copied": lambda secret: str(copy.deepcopy(secret)),
}  # fmt: skip


class TestShowing:
    @pytest.mark.parametrize("surface", SURFACES)
    def test_a_secret_shows_nothing(self, surface):
        shown = SURFACES[surface](Secret.of(PLAIN))
        assert "hunter2" not in shown
        assert surface == "pickled" or "[REDACTED]" in shown

    def test_it_is_no_json(self):
        with pytest.raises(TypeError):
            json.dumps({"password": Secret.of(PLAIN)}, cls=DjangoJSONEncoder)

    @pytest.mark.parametrize(
        "surface",
        [
            str,
            repr,
            lambda row: repr(vars(row)),
            lambda row: repr(model_to_dict(row)),
            lambda row: repr(pickle.dumps(row)),
        ],
        ids=["str", "repr", "vars", "model_to_dict", "pickled"],
    )
    def test_neither_does_a_repository(self, repository, surface):
        assert "hunter2" not in surface(repository)
        assert "hunter2" not in surface(GitRepository(name="x", password=PLAIN))

    def test_it_travels_as_ciphertext(self):
        secret = Secret.of(PLAIN)
        travelled = pickle.loads(pickle.dumps(secret))
        assert travelled == secret
        assert hash(travelled) == hash(secret)
        assert travelled.reveal() == PLAIN
        assert travelled != PLAIN


class TestKeys:
    def test_without_the_right_key_the_row_still_loads_and_reading_the_secret_says_what_to_do(
        self, repository, settings
    ):
        settings.HEDGEHOG_ENCRYPTION_KEYS = ["another key"]
        row = GitRepository.objects.get(pk=repository.pk)
        assert row.password
        assert str(row.password) == "[REDACTED]"
        with pytest.raises(NeedsOperator, match="HEDGEHOG_ENCRYPTION_KEY") as raised:
            row.password.reveal()
        assert raised.value.code == "secret.undecryptable"
        assert raised.value.__suppress_context__
        row.save()
        settings.HEDGEHOG_ENCRYPTION_KEYS = ["an encryption key for tests only"]
        assert GitRepository.objects.get(pk=repository.pk).password.reveal() == PLAIN

    @pytest.mark.parametrize(
        "damage", ["fernet:", "fernet:x", "plain text from SQL", "fernet:ü", "\x00"[:0] + "fernet:" + "A" * 100]
    )
    def test_so_does_a_damaged_one(self, repository, damage):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE netbox_hedgehog_gitrepository SET password = %s", [damage])
        row = GitRepository.objects.get(pk=repository.pk)
        assert damage not in str(row.password)
        with pytest.raises(NeedsOperator):
            row.password.reveal()

    def test_the_first_key_encrypts_and_all_of_them_decrypt(self, repository, settings):
        (old,) = settings.HEDGEHOG_ENCRYPTION_KEYS
        settings.HEDGEHOG_ENCRYPTION_KEYS = ["new key", old]
        row = GitRepository.objects.get(pk=repository.pk)
        assert row.password.reveal() == PLAIN
        row.password = row.password.reveal()
        row.save()
        settings.HEDGEHOG_ENCRYPTION_KEYS = ["new key"]
        again = GitRepository.objects.get(pk=repository.pk)
        assert again.password.reveal() == PLAIN
        with pytest.raises(NeedsOperator):
            again.ssh_private_key.reveal()


@pytest.mark.parametrize("form", ["json", "jsonl", "xml", "python"])
def test_dumps_hold_ciphertext_and_load_as_it(repository, form, tmp_path):
    before = {name: stored(repository, name) for name in SECRET_COLUMNS}
    dump = serializers.serialize(form, GitRepository.objects.all())
    assert "hunter2" not in str(dump)
    repository.delete()
    for restored in serializers.deserialize(form, dump):
        restored.save()
    again = GitRepository.objects.get()
    assert {name: stored(again, name) for name in SECRET_COLUMNS} == before
    assert again.password.reveal() == PLAIN


def test_fabrics_survive_dumpdata_and_loaddata(tmp_path):
    """A generated column is in no dump: the database computes it again."""
    fabric = baker.make_recipe("tests.due_fabric", last_sync=NOW.replace(microsecond=123_000))  # dumps end there
    fabric.refresh_from_db()
    out = io.StringIO()
    call_command("dumpdata", "netbox_hedgehog", stdout=out)
    (tmp_path / "dump.json").write_text(out.getvalue())
    due_at = fabric.due_at
    fabric.delete()
    call_command("loaddata", str(tmp_path / "dump.json"), verbosity=0)
    assert type(fabric).objects.get().due_at == due_at


class TestCredentialsInUrls:
    @pytest.mark.parametrize(
        ("url", "clean", "username", "password"),
        [
            ("https://bob:hunter2@h/x.git", "https://h/x.git", "bob", "hunter2"),
            ("https://bob:hun%40ter%2F2@h/x", "https://h/x", "bob", "hun@ter/2"),
            ("https://bob@h/x", "https://h/x", "bob", ""),
            ("https://h/x", "https://h/x", "", ""),
            ("git@h:x.git", "git@h:x.git", "", ""),
            ("ssh://git@h/x", "ssh://git@h/x", "", ""),
            ("ssh://git:hunter2@h/x", "ssh://git@h/x", "git", "hunter2"),
        ],
    )
    def test_they_move_to_their_own_columns_on_save(self, url, clean, username, password):
        row = GitRepository.objects.create(name="x", url=url)
        row.refresh_from_db()
        assert (row.url, row.username, row.password.reveal()) == (clean, username, password)

    def test_a_save_of_the_url_alone_does_not_lose_them(self):
        row = baker.make_recipe("tests.repository", username="old", password="old")
        row.url = "https://bob:hunter2@h/x"
        row.save(update_fields=["url"])
        row = GitRepository.objects.get(pk=row.pk)
        assert (row.url, row.username, row.password.reveal()) == ("https://h/x", "bob", "hunter2")

    def test_a_save_of_other_columns_writes_no_others(self):
        row = baker.make_recipe("tests.repository", username="old", password="old")
        GitRepository.objects.update(url="https://bob:hunter2@h/x", username="newer")
        row.branch = "next"
        row.save(update_fields=["branch"])
        row = GitRepository.objects.get(pk=row.pk)
        assert (row.url, row.username, row.branch) == ("https://bob:hunter2@h/x", "newer", "next")

    def test_a_user_in_the_url_keeps_the_stored_password(self):
        row = baker.make_recipe("tests.repository", password="hunter2")
        row.url = "https://bob@h/x"
        row.save()
        assert GitRepository.objects.get(pk=row.pk).password.reveal() == "hunter2"
