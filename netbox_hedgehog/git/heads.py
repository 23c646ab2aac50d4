"""Where a ref points, asked for once per moment, however many fabrics, threads and processes want to know."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from netbox_hedgehog.errors import ContentProblem, InternalFault, NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.git.failures import translate
from netbox_hedgehog.git.files import write_whole
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.locks import exclusive
from netbox_hedgehog.git.names import head_name
from netbox_hedgehog.git.remote import is_commit_id, remote_head
from netbox_hedgehog.git.urls import check_url

if TYPE_CHECKING:
    from pathlib import Path

    from netbox_hedgehog.git.source import GitSource

HEADS: Final = "heads"
"""The directory of the answers."""

_KINDS: Final = {kind.__name__: kind for kind in (NeedsOperator, ContentProblem, RetryLater, InternalFault)}
# Who began to wait together with the one who asks hears why that one gave up, instead of giving up first.
_GRACE_SECONDS: Final = 2.0


def head_of(root: Path, source: GitSource, since: datetime) -> str:
    """The commit id that ``source.ref`` stands for on the server, as of ``since`` (with time zone) or later.

    The first who wants it asks the server and leaves the answer below ``root``; an answer to a question that was put
    at or after ``since``, or on behalf of the very same ``since``, is used without any connection. Who comes while
    the question is open waits. A failure is an answer, too: a thousand fabrics with a wrong password try it once.

    Raises what :func:`remote_head` raises, and RetryLater ``git.mirror_busy``, ``git.disk_full``; InternalFault
    ``git.storage``.
    """
    global _latest  # noqa: PLW0603 - one answer, replaced as a whole
    latest = _latest
    if latest and latest.root == root and latest.source == source and latest.answer.serves(since, datetime.now(UTC)):
        return latest.answer.commit_or_raise()
    check_url(source.url, source.policy)
    if is_commit_id(source.ref):
        return source.ref.lower()
    try:
        path = root / HEADS / f"{head_name(root, source)}.json"
        answer = _stored(path, since) or _answer(path, source, since)
    except OSError as error:
        raise translate(error, source.credential) from None
    if answer.error is None:  # an error that is raised again and again would grow by each traceback
        _latest = _Heard(root, source, answer)
    return answer.commit_or_raise()


@dataclass(frozen=True, slots=True)
class _Answer:
    asked_at: datetime
    """When the question was put: whatever was pushed before is in the answer."""
    since: datetime
    """On whose behalf. Where the clock that ``since`` comes from is ahead of this machine's, a tick's fabrics know
    by this that the question was put after their tick."""
    commit: str
    error: SyncError | None = None

    def serves(self, since: datetime, now: datetime) -> bool:
        # An answer from the future was stamped before the clock was set back; it could be any age.
        return self.asked_at <= now and (self.asked_at >= since or self.since == since)

    def commit_or_raise(self) -> str:
        if self.error is not None:
            raise self.error
        return self.commit

    def as_json(self) -> bytes:
        value: dict[str, Any] = {
            "asked_at": self.asked_at.isoformat(),
            "since": self.since.isoformat(),
            "commit": self.commit,
        }
        if self.error is not None:
            value["error"] = [type(self.error).__name__, self.error.code, self.error.message, self.error.remedy]
        return json.dumps(value).encode()

    @classmethod
    def from_json(cls, text: bytes) -> _Answer:
        value = json.loads(text)
        kind, *said = value.get("error") or ("", "")
        return cls(
            datetime.fromisoformat(value["asked_at"]),
            datetime.fromisoformat(value["since"]),
            value["commit"],
            _KINDS[kind](*said) if kind else None,
        )


@dataclass(frozen=True, slots=True)
class _Heard:
    """An answer, and to what. A worker meets the fabrics of one repository one after the other: all but the first
    hear it from here, without any file.
    """

    root: Path
    source: GitSource
    answer: _Answer


_latest: _Heard | None = None


def _answer(path: Path, source: GitSource, since: datetime) -> _Answer:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with exclusive(path.with_suffix(".lock"), Deadline(source.limits.timeout_seconds + _GRACE_SECONDS)):
        answer = _stored(path, since)
        if answer is None:
            answer = _ask(source, since)
            with suppress(OSError):  # a full disk makes the next one ask again, but this answer is as good as any
                write_whole(path, answer.as_json())
        return answer


def _ask(source: GitSource, since: datetime) -> _Answer:
    asked_at = datetime.now(UTC)
    try:
        return _Answer(asked_at, since, remote_head(source))
    except SyncError as error:
        return _Answer(asked_at, since, "", error)


def _stored(path: Path, since: datetime) -> _Answer | None:
    try:
        answer = _Answer.from_json(path.read_bytes())
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return answer if answer.serves(since, datetime.now(UTC)) else None
