"""Inputs that never show what was typed or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from netbox_hedgehog.git import shown_url

# Unfold ships no types; its widgets are Django's, dressed.
if TYPE_CHECKING:
    from django.forms import NumberInput as UnfoldInteger
    from django.forms import PasswordInput as UnfoldPassword
    from django.forms import Textarea as UnfoldTextarea
    from django.forms import TextInput as UnfoldTextInput
else:
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as UnfoldInteger
    from unfold.widgets import UnfoldAdminPasswordWidget as UnfoldPassword
    from unfold.widgets import UnfoldAdminTextareaWidget as UnfoldTextarea
    from unfold.widgets import UnfoldAdminTextInputWidget as UnfoldTextInput


__all__ = ["FewLines", "RedactedTextInput", "UnfoldInteger", "WriteOnlyInput", "WriteOnlyTextarea"]


class FewLines(UnfoldTextarea):
    """A text that is rarely long."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"rows": 3, **(attrs or {})})


class WriteOnlyInput(UnfoldPassword):
    """One line; browsers are asked not to fill in the operator's own password."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "new-password", **(attrs or {})}, render_value=False)


class WriteOnlyTextarea(UnfoldTextarea):
    """Several lines."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", "spellcheck": "false", "rows": 6, **(attrs or {})})

    @override
    def format_value(self, value: Any) -> str | None:
        return None


class RedactedTextInput(UnfoldTextInput):
    """A URL that an earlier release or a script may have stored with credentials in it."""

    @override
    def format_value(self, value: Any) -> str | None:
        return shown_url(value) if value else None
