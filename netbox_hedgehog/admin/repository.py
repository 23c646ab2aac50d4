"""Repositories: credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, override

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from netbox_hedgehog.admin.base import NOTHING, PageAdmin, first_of, link_to, link_to_list, moment, shortened
from netbox_hedgehog.admin.connection import connection_urls
from netbox_hedgehog.admin.widgets import FewLines, RedactedTextInput, WriteOnlyInput, WriteOnlyTextarea
from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import (
    check_authorities,
    check_known_hosts,
    check_ssh_key,
    shown_url,
    split_credentials,
)
from netbox_hedgehog.models import GitRepository, HedgehogFabric, SchemaSource
from netbox_hedgehog.models.repository import SECRETS, URL_CREDENTIALS
from netbox_hedgehog.sync.mirrors import mirror_bytes
from netbox_hedgehog.sync.references import check_reference
from netbox_hedgehog.sync.source import check_proxy_url, check_source_url

REFERENCES: Final = tuple(f"{name}_reference" for name in SECRETS)

SEEN: Final = ("last_sync", "desired_state_commit")
"""The columns by which a fabric says which head of its repository it saw, and when."""

IS_SET: Final = "set – leave empty to keep"  # noqa: RUF001 - typography for people
IS_NOT_SET: Final = "not set"


def clear_name(secret: str) -> str:
    """The name of the checkbox that removes ``secret``."""
    return f"clear_{secret}"


class SecretField(forms.CharField):
    """A new value, or nothing to keep the stored one, which is never shown nor compared."""

    def __init__(self, **kwargs: Any) -> None:
        # Spaces at the ends may be part of a password.
        super().__init__(required=False, strip=False, **kwargs)

    @override
    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class LinesField(forms.CharField):
    """Lines as a file has them: browsers send CRLF, which no SSH library reads."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, strip=False, **kwargs)

    @override
    def to_python(self, value: Any) -> str:
        return _unix_lines(super().to_python(value) or "")


class RepositoryForm(forms.ModelForm):  # type: ignore[type-arg]
    """Moves credentials out of a pasted URL, keeps stored secrets unless told otherwise, and returns none."""

    password = SecretField(label="Password or token", widget=WriteOnlyInput)
    ssh_private_key = SecretField(
        label="SSH private key",
        widget=WriteOnlyTextarea,
        help_text="PEM or OpenSSH format; ed25519 is recommended (ssh-keygen -t ed25519).",
    )
    ssh_key_passphrase = SecretField(label="SSH key passphrase", widget=WriteOnlyInput)
    ssh_known_hosts = LinesField(
        label="SSH known hosts",
        widget=FewLines,
        help_text="Lines as in known_hosts; `ssh-keyscan HOST` prints them. A host that is not listed is refused.",
    )
    clear_password = forms.BooleanField(label="Remove the stored password", required=False)
    clear_ssh_private_key = forms.BooleanField(label="Remove the stored SSH private key", required=False)
    ca_certificates = LinesField(
        label="Signing authorities",
        widget=FewLines,
        help_text="Certificates in PEM form. If any are given, they alone vouch for the https server.",
    )
    proxy_password = SecretField(label="Proxy password", widget=WriteOnlyInput)
    clear_proxy_password = forms.BooleanField(label="Remove the stored proxy password", required=False)
    clear_ssh_key_passphrase = forms.BooleanField(label="Remove the stored SSH key passphrase", required=False)

    class Meta:
        model = GitRepository
        fields = (
            "name",
            "url",
            "branch",
            "username",
            *SECRETS,
            "ssh_known_hosts",
            "ca_certificates",
            "proxy_url",
            "proxy_username",
            *REFERENCES,
        )
        widgets = {"url": RedactedTextInput, "proxy_url": RedactedTextInput}

    def __init__(self, data: QueryDict | None = None, *args: Any, **kwargs: Any) -> None:
        # Both at once, before anything can render what was typed, or stored by a script.
        self.mended = _mend(kwargs.get("instance"))
        super().__init__(_without_credentials(data) if data is not None else None, *args, **kwargs)
        for name in SECRETS:
            self.fields[name].widget.attrs["placeholder"] = IS_SET if getattr(self.instance, name) else IS_NOT_SET

    def clean_url(self) -> str:
        """Hold the URL against the policy of this installation."""
        url: str = self.cleaned_data["url"]
        with _as_validation_error():
            check_source_url(url)
        return url

    def clean_proxy_url(self) -> str:
        """Hold the proxy against the policy, too: it is contacted as the server is."""
        url: str = self.cleaned_data["proxy_url"]
        if url:
            with _as_validation_error():
                check_proxy_url(url)
        return url

    def clean_ca_certificates(self) -> str:
        """Catch what is no certificate, or one that has expired, before a sync fails on it."""
        pem: str = self.cleaned_data["ca_certificates"]
        with _as_validation_error():
            check_authorities(pem, timezone.now())
        return pem

    def clean_ssh_known_hosts(self) -> str:
        """Catch lines that no SSH library reads."""
        lines: str = self.cleaned_data["ssh_known_hosts"]
        with _as_validation_error():
            check_known_hosts(lines)
        return lines

    def clean_ssh_private_key(self) -> str:
        """Catch the public key, or the path of a file, before a sync fails on it."""
        key = _unix_lines(self.cleaned_data["ssh_private_key"])
        if key and not key.startswith("-----BEGIN "):
            raise ValidationError(
                "This is not a private key: it must begin with a line like -----BEGIN OPENSSH PRIVATE KEY-----."
            )
        if key and not conf.git_allow_rsa_keys:
            with _as_validation_error():
                check_ssh_key(key, self.data.get(self.add_prefix("ssh_key_passphrase"), ""))
        return key

    def clean(self) -> dict[str, Any]:
        """Leave the secrets that stay as they are out of what is written to the row."""
        data = super().clean() or self.cleaned_data
        for name, reference in zip(SECRETS, REFERENCES, strict=True):
            if data.get(reference):
                self._use_reference(name, reference)
            if data.get(name) and data.get(clear_name(name)):
                self.add_error(name, "Either enter a new value or remove the stored one.")
            elif not data.get(name) and not data.get(clear_name(name)):
                data.pop(name, None)
        return data

    def _use_reference(self, name: str, reference: str) -> None:
        """Check a reference, and give up the stored secret in whose place it stands."""
        try:
            with _as_validation_error():
                check_reference(self.cleaned_data[reference])
        except ValidationError as error:
            self.add_error(reference, error)
        if self.cleaned_data.get(name):
            self.add_error(reference, "Either enter a value or name a reference to it.")
        else:
            self.cleaned_data[clear_name(name)] = bool(getattr(self.instance, name))

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        # The page that shows the errors comes without the secrets; nobody should believe they were kept.
        for name in SECRETS if self.errors else ():
            if self.data.get(self.add_prefix(name)) and name not in self.errors:
                self.add_error(name, "Please enter it again: a secret is never sent back to the browser.")


@contextmanager
def _as_validation_error() -> Iterator[None]:
    """Say at the field what a sync would say later."""
    try:
        yield
    except SyncError as error:
        raise ValidationError(f"{error.message} {error.remedy}", code=error.code) from None


def _mend(repository: GitRepository | None) -> list[str]:
    """Move credentials out of stored URLs, in memory; the columns that this changed."""
    return list(chain(*repository.absorb_url_credentials())) if repository else []


def _without_credentials(data: QueryDict) -> QueryDict:
    """``data`` with the users and passwords of its URLs in their own fields."""
    data = data.copy()
    for url, username, password in URL_CREDENTIALS:
        typed = data.get(url, "").strip()
        split = split_credentials(typed)
        if split.url != typed:
            data[url] = split.url
            data[username] = split.username or data.get(username, "")
            data[password] = split.password or data.get(password, "")
    return data


def _unix_lines(text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join(lines) + "\n" if lines else ""


@admin.register(GitRepository)
class RepositoryAdmin(PageAdmin[GitRepository]):
    """Secrets are in no list, no search and no filter either."""

    form = RepositoryForm
    change_form_outer_before_template = "hedgehog/repository_test_button.html"
    list_display = ("name", "shown_url", "branch", "credentials", "used_by")
    search_fields = ("name", "url")
    readonly_fields = ("credentials", "used_by", "shown_url", "head", "mirror")

    @override
    def get_fieldsets(self, request: HttpRequest, obj: GitRepository | None = None) -> Any:
        """Who may only look sees which credentials are set; who may edit gets a checkbox for each of them."""
        can_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        known = ("used_by", "head", "mirror") if obj else ()
        if not can_edit:
            return ((None, {"fields": ("name", "shown_url", "branch", "credentials", *known)}),)
        return (
            (None, {"fields": ("name", "url", "branch", *known)}),
            ("HTTPS", {"fields": ("username", *_with_clear(obj, "password"))}),
            _folded(
                obj,
                "SSH",
                (*_with_clear(obj, "ssh_private_key"), *_with_clear(obj, "ssh_key_passphrase"), "ssh_known_hosts"),
                description="A private key wins over a password.",
            ),
            _folded(obj, "Signing authorities", ("ca_certificates",)),
            _folded(obj, "Proxy", ("proxy_url", "proxy_username", *_with_clear(obj, "proxy_password"))),
            _folded(
                obj,
                "Credentials by reference",
                REFERENCES,
                description="Instead of a stored credential: where the workers find it.",
            ),
        )

    @override
    def get_urls(self) -> list[URLPattern]:
        return [*connection_urls(self.admin_site), *super().get_urls()]

    @override
    def in_the_way(self, rows: list[GitRepository]) -> list[Any]:
        """The fabrics that are synced from them, and the definitions that come from them."""
        fabrics = HedgehogFabric.objects.filter(git_repository__in=rows).only("pk", "name")
        schemas = SchemaSource.objects.filter(git_repository__in=rows).only("pk", "name")
        users = [*(("Fabric", fabric) for fabric in fabrics), *(("Schema source", schema) for schema in schemas)]
        return first_of(users, lambda user: format_html("{} {}: give it another repository", user[0], link_to(user[1])))

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[GitRepository]:
        """With the number of fabrics, counted for the rows that are shown only."""
        users = (
            HedgehogFabric.objects.filter(git_repository=OuterRef("pk"))
            .order_by()
            .values("git_repository")
            .values_list(Count("pk"))
        )
        return super().get_queryset(request).annotate(fabric_count=Coalesce(Subquery(users), 0))

    @method_decorator(sensitive_post_parameters("url", "proxy_url", *SECRETS))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    @override
    def changed_columns(self, form: forms.ModelForm[GitRepository]) -> list[str]:
        """A checkbox changes the column of its secret; a stored URL with credentials is mended on the way."""
        cleared = [name for name in SECRETS if form.cleaned_data.get(clear_name(name))]
        mended = getattr(form, "mended", [])
        return list(dict.fromkeys([*super().changed_columns(form), *cleared, *mended]))

    @admin.display(description="URL", ordering="url")
    def shown_url(self, repository: GitRepository) -> SafeString | str:
        return shortened(shown_url(repository.url), 70)

    @admin.display(description="credentials")
    def credentials(self, repository: GitRepository) -> str:
        """Which kinds are set; never a value."""
        kinds = [
            ("password", repository.password or repository.password_reference),
            ("SSH key", repository.ssh_private_key or repository.ssh_private_key_reference),
        ]
        return ", ".join(kind for kind, secret in kinds if secret) or NOTHING

    @admin.display(description="head")
    def head(self, repository: GitRepository) -> SafeString | str:
        """As the fabrics' rows have it: no sync writes to the repository's, and not each machine saw every sync."""
        synced = HedgehogFabric.objects.filter(git_repository=repository.pk, last_sync__isnull=False)
        latest = synced.exclude(desired_state_commit="").order_by("-last_sync").only("name", *SEEN).first()
        if latest is None:
            return "not seen yet: no fabric has been synced from here"
        seen = moment(latest.last_sync, timezone.now())
        commit = latest.desired_state_commit
        return format_html("<code>{}</code> seen {} by the sync of {}", commit[:12], seen, link_to(latest))

    @admin.display(description="mirror")
    def mirror(self, repository: GitRepository) -> str:
        size = mirror_bytes(repository)
        where = "on the machine that serves this page"
        return f"none {where}" if size is None else f"{filesizeformat(size)} {where}"

    @admin.display(description="used by")
    def used_by(self, repository: GitRepository) -> SafeString | str:
        count = getattr(repository, "fabric_count", 0)
        if not count:
            return "no fabric"
        text = f"{count} fabric{'s' if count > 1 else ''}"
        return link_to_list(HedgehogFabric, text, git_repository__id__exact=repository.pk)


def _folded(obj: GitRepository | None, title: str, names: tuple[str, ...], description: str = "") -> Any:
    """A section that few need, closed until something in it is set; Django opens it for an error."""
    is_used = obj is not None and any(getattr(obj, name, "") for name in names)
    return (title, {"fields": names, "description": description, "classes": () if is_used else ("collapse",)})


def _with_clear(obj: GitRepository | None, secret: str) -> tuple[str, ...]:
    return (secret, clear_name(secret)) if obj and getattr(obj, secret) else (secret,)
