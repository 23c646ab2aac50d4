"""The pages of an installation with a row of each kind, for the harnesses that send requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client, override_settings
from django.test.utils import setup_test_environment
from django.urls import reverse

from tests.admin.test_admin_pages import BUILDERS, READ_ONLY

_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
_FILES = "django.contrib.staticfiles.storage.StaticFilesStorage"


class Pages:
    """``boss`` is signed in; ``open`` are the pages for strangers; ``forms`` is what each form holds as it stands."""

    boss: Client
    stranger: Client
    open: frozenset[str]
    forms: dict[str, dict[str, Any]]

    def prepare(self) -> None:
        """Make the database, which is one in memory."""
        setup_test_environment()
        override_settings(
            AXES_ENABLED=False,
            CACHES={"default": {"BACKEND": _MEMORY}},
            STORAGES={"default": {"BACKEND": _MEMORY}, "staticfiles": {"BACKEND": _FILES}},
            PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
            HEDGEHOG_METRICS_KEY="a key",
        ).enable()
        call_command("migrate", verbosity=0)
        self.boss, self.stranger = Client(), Client()
        self.boss.force_login(User.objects.create_superuser("boss"))
        self.open = frozenset({reverse("admin:login"), reverse("admin:jsi18n")})
        self.forms = {reverse("admin:login"): {"username": "boss", "password": "x"}} | dict(self._forms())

    def _forms(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, (model, build) in enumerate(BUILDERS.items(), start=1):
            row = build(number)
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            if model not in READ_ONLY:
                for path in (reverse(f"{name}_add"), reverse(f"{name}_change", args=(row.pk,))):
                    yield path, self._as_it_stands(path)

    def _as_it_stands(self, path: str) -> dict[str, Any]:
        form = self.boss.get(path).context["adminform"].form
        values: dict[str, Any] = {}
        for bound in form:
            shown = bound.field.widget.get_context(bound.html_name, bound.value(), {}).get("widget", {})
            for part in shown.get("subwidgets", [shown]):
                if part.get("value") is not None:
                    values[part["name"]] = part["value"]
            if isinstance(key := bound.value(), int):  # of another row, which a field with a search does not show
                values.setdefault(bound.html_name, key)
        return values
