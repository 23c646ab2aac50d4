"""What may be entered for a repository: credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, override

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from netbox_hedgehog.admin.widgets import FewLines, RedactedTextInput, WriteOnlyInput, WriteOnlyTextarea
from netbox_hedgehog.conf import conf
from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git import check_authorities, check_known_hosts, check_ssh_key, split_credentials
from netbox_hedgehog.models import GitRepository
from netbox_hedgehog.models.repository import SECRETS, URL_CREDENTIALS
from netbox_hedgehog.sync.references import check_reference
from netbox_hedgehog.sync.source import check_proxy_url, check_source_url

REFERENCES: Final = tuple(f"{name}_reference" for name in SECRETS)

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

    is_sent_back = True
    """Whether a form with errors comes back to the browser, without the secrets that were typed."""

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
        for name in SECRETS if self.errors and self.is_sent_back else ():
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
