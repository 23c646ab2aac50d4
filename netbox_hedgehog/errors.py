"""Every failure of a sync, classified by what happens next (not by where it came from).

Codes are stable: operators, alerts and the troubleshooting page key on them.
"""

from __future__ import annotations

from netbox_hedgehog.observability.redaction import redact


class SyncError(Exception):
    """A sync could not be completed.

    ``code`` is a stable, lower-case, dotted identifier such as ``git.auth_failed``; ``message`` says what went
    wrong in an operator's words; ``remedy`` says what to do about it. Message and remedy are redacted here, when
    the error is built, so that no later path can leak what they quote.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        self.code = code
        self.message = redact(message)
        self.remedy = redact(remedy)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}" + (f" → {self.remedy}" if self.remedy else "")

    def as_json(self) -> dict[str, str]:
        """Its three parts, for scripts."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}

    def __reduce__(self) -> tuple[type[SyncError], tuple[str, str, str]]:
        """Rebuild from all three parts: the default would pass the message alone."""
        return (type(self), (self.code, self.message, self.remedy))


class NeedsOperator(SyncError):  # noqa: N818 - named for what happens next
    """Nothing but a change by a person can mend it (credential, URL, manifest): retrying soon is useless."""


class ContentProblem(NeedsOperator):
    """A commit must mend it, and only another look at the repository can notice that commit: retried at the
    fabric's own interval, without backing off further.
    """


class RetryLater(SyncError):  # noqa: N818 - named for what happens next
    """It may well work next time (network, remote server, database): back off and try again."""


class InternalFault(SyncError):  # noqa: N818 - named for what happens next
    """Our own defect or an exhausted machine: retried like RetryLater, but logged with its traceback."""
