"""Repositories: credentials go in and never come out."""

from __future__ import annotations

from typing import Any, Final, override

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from netbox_hedgehog.admin.base import NOTHING, PageAdmin, first_of, link_to, link_to_list, moment, shortened
from netbox_hedgehog.admin.connection import connection_urls
from netbox_hedgehog.admin.repository_check import check_button, check_urls
from netbox_hedgehog.admin.repository_form import REFERENCES, RepositoryForm, clear_name
from netbox_hedgehog.git import shown_url
from netbox_hedgehog.models import GitRepository, HedgehogFabric, SchemaSource
from netbox_hedgehog.models.repository import SECRETS
from netbox_hedgehog.sync.mirrors import mirror_bytes

SEEN: Final = ("last_sync", "desired_state_commit")
"""The columns by which a fabric says which head of its repository it saw, and when."""


@admin.register(GitRepository)
class RepositoryAdmin(PageAdmin[GitRepository]):
    """Secrets are in no list, no search and no filter either."""

    form = RepositoryForm
    change_form_outer_before_template = "hedgehog/repository_test_button.html"
    list_display = ("name", "shown_url", "branch", "credentials", "used_by")
    search_fields = ("name", "url")
    search_help_text = "Name or URL"
    when_empty = "A repository is where Git is: a URL, a branch, and how to sign in there."
    readonly_fields = ("credentials", "used_by", "shown_url", "head", "mirror", "connection")

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
            ("Test", {"fields": ("connection",)}),
        )

    @override
    def get_urls(self) -> list[URLPattern]:
        return [*connection_urls(self.admin_site), *check_urls(self.admin_site), *super().get_urls()]

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

    @admin.display(description="connection")
    def connection(self, repository: GitRepository) -> SafeString:
        return check_button(repository)

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
