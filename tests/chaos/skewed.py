"""A Celery process whose clock is wrong: ``python -m tests.chaos.skewed SECONDS -A netbox_hedgehog worker …``."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from celery.__main__ import main
from django.utils import timezone

_right = timezone.now


def _wrong() -> datetime:
    return _right() + timedelta(seconds=_SECONDS)


if __name__ == "__main__":
    _SECONDS = float(sys.argv.pop(1))
    timezone.now = _wrong
    sys.exit(main())
