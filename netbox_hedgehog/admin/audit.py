"""What an edit changed, in words for the history: each field with its old and new value, secrets without."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.forms import BaseForm, BaseModelForm, Field, ModelChoiceField

from netbox_hedgehog.models.fields import EncryptedTextField
from netbox_hedgehog.observability.redaction import redact

NOTHING: Final = "nothing"
_LONGEST: Final = 200


def changes_in_words(form: BaseModelForm[Any]) -> str:
    """``Sync interval: 300 → 60. Password: changed.``; empty if nothing was changed."""
    return " ".join(f"{_label(form, name)}: {_change(form, name)}." for name in form.changed_data)


def _label(form: BaseForm, name: str) -> str:
    return str(form.fields[name].label or name)


def _change(form: BaseModelForm[Any], name: str) -> str:
    if _is_secret(form, name):
        return "changed"
    field = form.fields[name]
    return f"{_shown(field, form.get_initial_for_field(field, name))} → {_shown(field, form.cleaned_data.get(name))}"


def _is_secret(form: BaseModelForm[Any], name: str) -> bool:
    try:
        return isinstance(form._meta.model._meta.get_field(name), EncryptedTextField)  # noqa: SLF001 - documented
    except FieldDoesNotExist:
        return False


def _shown(field: Field, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(field, ModelChoiceField) and not hasattr(value, "pk"):
        value = field.queryset.filter(pk=value).first() or value  # type: ignore[union-attr]
    text = redact(str(value)).replace("\r\n", "\n").strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
