"""What Django's error reports show: with ``DEBUG`` its pages hold settings, the environment, and every variable."""

from __future__ import annotations

import re
from typing import Any, Final, override

from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.views.debug import SafeExceptionReporterFilter

from netbox_hedgehog.observability.redaction import redact, redact_value

_HIDDEN: Final = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|CREDENTIAL|SESSION", re.IGNORECASE)


class RedactedReports(SafeExceptionReporterFilter):
    """Django's filter, which in addition hides what is recognised as a secret, and knows no ``DEBUG``: the pages of an
    installation that is being looked into are sent round and pasted into tickets.
    """

    hidden_settings = _HIDDEN

    @override
    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    @override
    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return redact(cleansed) if isinstance(cleansed, str) else cleansed

    @override
    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        # Django's pprint, for which a value that cannot be shown is no error: a query set asks the database when it is.
        return [(name, _Shown(redact_value({name: pprint(value)})[name])) for name, value in variables]  # type: ignore[index]


class _Shown(str):
    """A text that stands in a report as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
