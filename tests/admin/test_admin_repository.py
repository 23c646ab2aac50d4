from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncssh
import pytest
from django.contrib.admin.models import LogEntry
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from netbox_hedgehog.admin.repository_form import IS_SET, REFERENCES, RepositoryForm
from netbox_hedgehog.models import GitRepository, HedgehogFabric
from netbox_hedgehog.scheduling.due import due, source_fingerprint
from netbox_hedgehog.sync.probe import check_connection
from netbox_hedgehog.sync.source import mirror_root
from tests.support.certificates import Authority
from tests.support.remote import Remote

LIST = "/admin/netbox_hedgehog/gitrepository/"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nnew-key\n-----END OPENSSH PRIVATE KEY-----\n"
SECRETS = ("stored-password", "stored-key", "stored-passphrase", "fernet:")

RSA_KEY = asyncssh.generate_private_key("ssh-rsa").export_private_key().decode()

pytestmark = pytest.mark.django_db


def page(repository: GitRepository, view: str = "change") -> str:
    return reverse(f"admin:netbox_hedgehog_gitrepository_{view}", args=[repository.pk])


def form_of(repository: GitRepository, **changes: Any) -> dict[str, Any]:
    values = {
        "name": repository.name,
        "url": repository.url,
        "branch": repository.branch,
        "username": repository.username,
        "password": "",
        "ssh_private_key": "",
        "ssh_key_passphrase": "",
        "ssh_known_hosts": repository.ssh_known_hosts,
        "ca_certificates": repository.ca_certificates,
        "proxy_url": repository.proxy_url,
        "proxy_username": repository.proxy_username,
        "proxy_password": "",
        **{name: getattr(repository, name) for name in REFERENCES},
    }
    return values | changes


def plain(repository: GitRepository) -> tuple[str, str, str]:
    repository.refresh_from_db()
    return (
        repository.password.reveal(),
        repository.ssh_private_key.reveal(),
        repository.ssh_key_passphrase.reveal(),
    )


def errors_of(response: Any, field: str) -> str:
    assert response.status_code == 200
    return " ".join(response.context["adminform"].form.errors.get(field, []))


def test_no_page_shows_a_stored_secret(boss: Client, viewer: Client, repository: GitRepository) -> None:
    for client in (boss, viewer):
        for url in (LIST, page(repository), page(repository, "history")):
            text = client.get(url).content.decode()
            assert not [secret for secret in SECRETS if secret in text], url
    assert IS_SET in boss.get(page(repository)).content.decode()


def test_secrets_left_empty_are_kept(boss: Client, repository: GitRepository) -> None:
    before = plain(repository)
    assert boss.post(page(repository), form_of(repository, branch="v2")).status_code == 302
    assert plain(repository) == before
    assert repository.branch == "v2"


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        ("password", " new password ", (" new password ", "", "")),
        ("ssh_private_key", KEY.replace("\n", "\r\n"), ("", KEY, "")),
        ("ssh_key_passphrase", "new", ("", "", "new")),
    ],
)
def test_a_new_secret_replaces_its_own_column_only(
    boss: Client, repository: GitRepository, name: str, value: str, after: tuple[str, ...]
) -> None:
    before = plain(repository)
    assert boss.post(page(repository), form_of(repository, **{name: value})).status_code == 302
    assert plain(repository) == tuple(new or old for new, old in zip(after, before, strict=True))


@pytest.mark.parametrize("name", ["password", "ssh_private_key", "ssh_key_passphrase"])
def test_a_secret_is_removed_on_request(boss: Client, repository: GitRepository, name: str) -> None:
    boss.post(page(repository), form_of(repository, **{f"clear_{name}": "on"}))
    repository.refresh_from_db()
    left = {secret for secret in ("password", "ssh_private_key", "ssh_key_passphrase") if getattr(repository, secret)}
    assert left == {"password", "ssh_private_key", "ssh_key_passphrase"} - {name}


def test_a_new_value_and_its_removal_contradict_each_other(boss: Client, repository: GitRepository) -> None:
    response = boss.post(page(repository), form_of(repository, password="both", clear_password="on"))
    assert "Either" in errors_of(response, "password")
    assert plain(repository)[0] == "stored-password"


def test_typed_secrets_do_not_come_back_with_an_error(boss: Client, repository: GitRepository) -> None:
    typed = {"password": "typed-password", "ssh_private_key": KEY, "ssh_key_passphrase": "typed-phrase"}
    response = boss.post(page(repository), form_of(repository, name="", **typed))
    text = response.content.decode()
    assert "typed-password" not in text
    assert "new-key" not in text
    assert "typed-phrase" not in text
    assert "enter it again" in errors_of(response, "password")


@pytest.mark.parametrize("name", ["renamed", ""])
def test_credentials_pasted_into_the_url_are_moved_and_never_shown(
    boss: Client, repository: GitRepository, name: str
) -> None:
    url = "https://ci:t0p%20s3cret@git.example.com/network/core.git"
    response = boss.post(page(repository), form_of(repository, name=name, url=url), follow=True)
    assert "s3cret" not in response.content.decode()
    stored = plain(repository)[0]
    assert stored == ("t0p s3cret" if name else "stored-password")
    assert repository.url == "https://git.example.com/network/core.git"
    assert repository.username == ("ci" if name else "bot")
    assert "s3cret" not in "".join(entry.change_message + entry.object_repr for entry in LogEntry.objects.all())


def test_a_url_stored_with_credentials_is_mended_by_the_next_save(boss: Client, repository: GitRepository) -> None:
    GitRepository.objects.update(url="https://ci:t0ps3cret@git.example.com/network/core.git", username="", password="")
    for url in (LIST, page(repository)):
        assert "t0ps3cret" not in boss.get(url).content.decode()
    shown = boss.get(page(repository)).context["adminform"].form
    typed = form_of(repository, url=shown["url"].value(), username=shown["username"].value(), branch="v2")
    assert boss.post(page(repository), typed).status_code == 302
    assert plain(repository)[0] == "t0ps3cret"
    assert repository.url == "https://git.example.com/network/core.git"
    assert repository.username == "ci"


def test_the_history_names_the_field_and_not_the_value(boss: Client, repository: GitRepository) -> None:
    boss.post(page(repository), form_of(repository, password="brand-new"))
    message = LogEntry.objects.get().get_change_message()
    assert message == "Password or token: changed."
    history = boss.get(page(repository, "history")).content.decode()
    assert "Password or token" in history
    assert "brand-new" not in history


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://git.example.com/x.git", "scheme ftp is not allowed"),
        ("file:///etc/passwd", "scheme file is not allowed"),
        ("ext::sh -c id", "not"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://git.example.com/", "path to the repository is missing"),
        ("https://", "host is missing"),
    ],
)
def test_a_url_outside_the_policy_is_refused_at_its_field(boss: Client, url: str, words: str) -> None:
    response = boss.post(f"{LIST}add/", form_of(GitRepository(name="new", branch="main"), url=url))
    assert words in errors_of(response, "url")
    assert not GitRepository.objects.exists()


def test_a_repository_with_credentials_can_be_created(boss: Client) -> None:
    new = GitRepository(name="new", url="ssh://git@git.example.com/x.git", branch="main")
    assert boss.post(f"{LIST}add/", form_of(new, ssh_private_key=KEY)).status_code == 302
    assert GitRepository.objects.get().ssh_private_key.reveal() == KEY


def test_a_public_key_is_refused_as_a_private_one(boss: Client, repository: GitRepository) -> None:
    response = boss.post(page(repository), form_of(repository, ssh_private_key="ssh-ed25519 AAAAB7 me@laptop"))
    assert "not a private key" in errors_of(response, "ssh_private_key")
    assert "AAAAB7" not in response.content.decode()


def test_a_repository_in_use_stays_and_its_fabrics_are_named(boss: Client, fabric: HedgehogFabric) -> None:
    assert fabric.git_repository
    url = page(fabric.git_repository, "delete")
    assert "east" in boss.get(url).content.decode()
    boss.post(url, {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": fabric.git_repository_id, "post": "yes"}
    assert "east" in boss.post(LIST, chosen).content.decode()
    assert GitRepository.objects.exists()


def test_a_repository_that_nobody_uses_can_be_deleted(boss: Client, repository: GitRepository) -> None:
    boss.post(page(repository, "delete"), {"post": "yes"})
    assert not GitRepository.objects.exists()


def test_a_viewer_sees_which_credentials_are_set_and_changes_nothing(viewer: Client, repository: GitRepository) -> None:
    assert "password, SSH key" in viewer.get(page(repository)).content.decode()
    assert viewer.post(page(repository), form_of(repository, url="https://evil.example/x.git")).status_code == 403
    assert viewer.post(page(repository, "delete"), {"post": "yes"}).status_code == 403
    repository.refresh_from_db()
    assert "evil" not in repository.url


def test_the_form_alone_keeps_secrets_however_the_row_is_saved(repository: GitRepository) -> None:
    data = QueryDict(mutable=True)
    data.update({name: str(value) for name, value in form_of(repository, branch="v2").items()})
    form = RepositoryForm(data, instance=repository)
    assert form.is_valid(), form.errors
    before = plain(GitRepository.objects.get())
    form.save()
    assert plain(repository) == before


def test_authorities_and_a_proxy_are_stored_and_the_proxys_password_never_shown(
    boss: Client, repository: GitRepository
) -> None:
    pem = Authority("Ours").pem
    typed = {"ca_certificates": pem.replace("\n", "\r\n"), "proxy_url": "http://robot:hunter2@127.0.0.1:3128"}
    assert boss.post(page(repository), form_of(repository, **typed)).status_code == 302
    repository.refresh_from_db()
    assert (repository.ca_certificates, repository.proxy_url) == (pem, "http://127.0.0.1:3128")
    assert (repository.proxy_username, repository.proxy_password.reveal()) == ("robot", "hunter2")
    shown = boss.get(page(repository)).content.decode()
    assert "hunter2" not in shown
    assert "BEGIN CERTIFICATE" in shown


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("ssh_known_hosts", "git.example.com", "Line 1 of the known hosts"),
        ("ssh_private_key", RSA_KEY, "RSA key"),
        ("password_reference", "env:SECRET_KEY", "another form"),
        ("ca_certificates", "no certificate", "cannot be read as PEM"),
        ("ca_certificates", Authority("Old", days=-1).pem, "expired on"),
        ("proxy_url", "socks5://proxy.example.com", "not valid"),
        ("proxy_url", "http://169.254.169.254", "link-local"),
    ],
    ids=["known hosts", "RSA key", "reference", "no PEM", "expired", "kind of proxy", "address of proxy"],
)
def test_what_cannot_work_is_refused_at_its_field(
    boss: Client, repository: GitRepository, field: str, value: str, words: str
) -> None:
    assert words in errors_of(boss.post(page(repository), form_of(repository, **{field: value})), field)


def test_a_reference_takes_the_place_of_the_stored_secret(boss: Client, repository: GitRepository) -> None:
    reference = "env:HEDGEHOG_CREDENTIAL_CORE"
    assert boss.post(page(repository), form_of(repository, password_reference=reference)).status_code == 302
    assert plain(repository) == ("", *plain(repository)[1:])
    assert plain(repository)[1]
    assert repository.password_reference == reference
    assert reference in boss.get(page(repository)).content.decode()


def test_a_value_and_a_reference_contradict_each_other(boss: Client, repository: GitRepository) -> None:
    both = {"password": "typed", "password_reference": "env:HEDGEHOG_CREDENTIAL_CORE"}
    response = boss.post(page(repository), form_of(repository, **both))
    assert "Either" in errors_of(response, "password_reference")
    assert plain(repository)[0] == "stored-password"


@pytest.mark.parametrize("change", [{"password": "new"}, {"url": "https://git.example.com/new.git"}, {"branch": "v2"}])
def test_what_mends_a_stall_is_tried_at_once_for_every_fabric_of_the_repository(
    boss: Client, repository: GitRepository, change: dict[str, str]
) -> None:
    fabrics = [
        HedgehogFabric.objects.create(name=name, status="active", git_repository=repository, gitops_directory=name)
        for name in ("east", "west")
    ]
    stalled = HedgehogFabric.objects.annotate(source=source_fingerprint())
    for fabric in stalled:
        HedgehogFabric.objects.filter(pk=fabric.pk).update(
            failed_source=fabric.source, retry_at=timezone.now() + timedelta(hours=1), consecutive_failures=9
        )
    assert not due(timezone.now()).exists()
    assert boss.post(page(repository), form_of(repository)).status_code == 302
    assert not due(timezone.now()).exists(), "saved without a change"
    assert boss.post(page(repository), form_of(repository, **change)).status_code == 302
    assert set(due(timezone.now())) == set(fabrics)


@pytest.mark.parametrize("url", ["ssh://git@git.example.com:2222/x.git", "git@git.example.com:x.git"])
def test_a_page_that_is_saved_as_it_was_shown_changes_nothing(
    boss: Client, repository: GitRepository, url: str
) -> None:
    GitRepository.objects.update(url=url)
    shown = boss.get(page(repository)).context["adminform"].form
    value = shown.fields["url"].widget.format_value(shown["url"].value())
    assert boss.post(page(repository), form_of(repository, url=value)).status_code == 302
    repository.refresh_from_db()
    assert repository.url == url


def test_the_head_is_what_the_latest_sync_of_its_fabrics_saw(
    viewer: Client, repository: GitRepository, fabric: HedgehogFabric
) -> None:
    assert "not seen yet" in viewer.get(page(repository)).content.decode()
    now = timezone.now()
    HedgehogFabric.objects.filter(pk=fabric.pk).update(last_sync=now - timedelta(days=1), desired_state_commit="a" * 40)
    later = HedgehogFabric.objects.create(
        name="west", git_repository=repository, last_sync=now - timedelta(minutes=3), desired_state_commit="b" * 40
    )
    text = viewer.get(page(repository)).content.decode()
    assert "b" * 12 in text
    assert "3 min ago" in text
    assert reverse("admin:netbox_hedgehog_hedgehogfabric_change", args=[later.pk]) in text
    assert "a" * 12 not in text


def test_the_mirrors_size_is_told_where_there_is_one(boss: Client, remote: Remote, repository: GitRepository) -> None:
    assert "none on the machine that serves this page" in boss.get(page(repository)).content.decode()
    assert not (mirror_root() / "names.key").exists()
    remote.commit({"a.yaml": "a: b"})
    repository = GitRepository.objects.create(name="real", url=remote.url)
    check_connection(repository)
    assert "KB on the machine that serves this page" in boss.get(page(repository)).content.decode().replace("\xa0", " ")


def folded(response: Any) -> set[str]:
    return {each.name for each in response.context["adminform"] if each.is_collapsible}


def test_what_few_need_is_folded_until_it_is_used_or_wrong(boss: Client, repository: GitRepository) -> None:
    rare = {"SSH", "Signing authorities", "Proxy", "Credentials by reference"}
    assert folded(boss.get(reverse("admin:netbox_hedgehog_gitrepository_add"))) == rare
    assert folded(boss.get(page(repository))) == rare - {"SSH"}
    wrong = boss.post(page(repository), form_of(repository, ca_certificates="no certificate"))
    assert folded(wrong) == {"Proxy", "Credentials by reference"}
