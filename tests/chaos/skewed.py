"""A worker whose clock is wrong: ``python -m tests.chaos.skewed SECONDS -A netbox_hedgehog worker …``.

It also asks from the first message on which claims have ended, as others do when many come.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from celery import signals
from celery.__main__ import main
from django.utils import timezone

_right = timezone.now


def _wrong() -> datetime:
    return _right() + timedelta(seconds=_SECONDS)


@signals.worker_ready.connect
def _ask_at_once(**_: object) -> None:
    from netbox_hedgehog.scheduling import ended

    ended.ENOUGH = 1  # type: ignore[misc]


if __name__ == "__main__":
    _SECONDS = float(sys.argv.pop(1))
    timezone.now = _wrong
    sys.exit(main())
