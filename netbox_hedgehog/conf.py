"""Typed access to the ``HEDGEHOG_*`` settings: name, unit, default, bounds and meaning, each declared once.

Values are read from Django's settings on access, so that ``override_settings`` works in tests.
"""

from __future__ import annotations

from typing import Final, cast

from django.conf import settings

YEAR_SECONDS: Final = 365 * 24 * 3600

_HOST_ENTRY: Final = r"\.?[A-Za-z0-9_][A-Za-z0-9_.\-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"


class Option[T]:
    """One setting; ``unit`` is empty for plain values, ``minimum``/``maximum`` are inclusive.

    ``choices`` and ``pattern`` (a regular expression) are for each item of a list.
    """

    name: str

    def __init__(
        self,
        default: T,
        meaning: str,
        *,
        unit: str = "",
        minimum: float | None = None,
        maximum: float | None = None,
        choices: tuple[str, ...] = (),
        pattern: str = "",
    ) -> None:
        self.default = default
        self.meaning = meaning
        self.unit = unit
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
        self.pattern = pattern

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"HEDGEHOG_{name.upper()}"

    def __get__(self, instance: object | None, owner: type) -> T:
        return cast("T", getattr(settings, self.name, self.default))


class Conf:
    """All options. The time limits form a chain that the system checks hold:
    git timeout < sync time limit, and queued claim < broker visibility timeout.
    """

    tick_time_budget_seconds = Option(
        45.0, "A tick stops starting new work after this time.", unit="s", minimum=1, maximum=280
    )
    tick_max_dispatch = Option(
        25_000,
        "At most this many syncs are dispatched by one tick.",
        unit="fabrics",
        minimum=1,
        maximum=1_000_000,
    )
    tick_chunk_size = Option(500, "Fabrics claimed in one transaction.", unit="fabrics", minimum=1, maximum=10_000)
    max_live_claims = Option(
        30_000,
        "Backpressure: no more dispatches while this many syncs are queued or running.",
        unit="fabrics",
        minimum=1,
        maximum=10_000_000,
    )
    queued_claim_seconds = Option(
        600,
        "A queued sync that no worker took by then is given up, its message with it.",
        unit="s",
        minimum=90,
        maximum=86_400,
    )
    running_claim_seconds = Option(
        60,
        "A running sync renews its claim at a third of this; a killed worker's fabric is free after it.",
        unit="s",
        minimum=6,
        maximum=3600,
    )
    sync_time_limit_seconds = Option(600, "A sync is stopped after this time.", unit="s", minimum=10, maximum=7200)
    backoff_base_seconds = Option(
        60,
        "Wait after the first failure of a fabric; doubled with each further one.",
        unit="s",
        minimum=1,
        maximum=86_400,
    )
    backoff_max_seconds = Option(
        3600, "Longest wait after repeated failures.", unit="s", minimum=1, maximum=30 * 86_400
    )
    keep_runs_days = Option(
        30,
        "Sync runs are deleted after this time, except each fabric's newest and its newest failure.",
        unit="days",
        minimum=1,
        maximum=3650,
    )
    keep_ticks_days = Option(
        7,
        "Scheduler runs are deleted after this time, except the newest and the newest failed one.",
        unit="days",
        minimum=1,
        maximum=3650,
    )
    keep_runs_count = Option(
        10_000_000,
        "So are the oldest sync runs beyond this number, of all fabrics together, with the same exceptions.",
        unit="runs",
        minimum=100_000,
    )
    keep_ticks_count = Option(
        100_000,
        "So are the oldest scheduler runs beyond this number, with the same exceptions.",
        unit="runs",
        minimum=10,
    )
    budget_deletions = Option(
        100,
        "A sync that deletes more is held for approval; a fabric may set its own.",
        unit="resources",
        minimum=0,
        maximum=1_000_000,
    )
    budget_deletions_percent = Option(
        30,
        "So is one that deletes a larger share of the fabric's resources (and more than 3).",
        unit="%",
        minimum=0,
        maximum=100,
    )
    budget_changes = Option(
        10_000,
        "A sync that changes or deletes more is held for approval; a fabric may set its own.",
        unit="resources",
        minimum=0,
        maximum=1_000_000,
    )
    budget_changes_percent = Option(
        100,
        "So is one that changes or deletes a larger share of the fabric's resources (and more than 3).",
        unit="%",
        minimum=0,
        maximum=100,
    )
    foreign_documents = Option(
        "ignore",
        "What becomes of documents that are not Hedgehog's, unless the fabric says otherwise (ignore, warn, refuse).",
        choices=("ignore", "warn", "refuse"),
    )
    schema_root = Option("", "Directory below which schema sources may name local folders; empty: none may.")
    git_schemes = Option(
        ("https", "ssh"),
        "URL schemes that repositories may use (https, ssh, http).",
        choices=("https", "ssh", "http"),
    )
    git_allow_private = Option(
        True,
        "Allow repositories on loopback and private addresses. Link-local and metadata addresses never are.",
    )
    git_allowed_hosts = Option(
        (),
        "If any are given: the only hosts of repositories; `.example.com` stands for every host below that domain.",
        pattern=_HOST_ENTRY,
    )
    git_denied_hosts = Option(
        (),
        "Hosts that repositories may not use, in the same form; an address counts under whatever name.",
        pattern=_HOST_ENTRY,
    )
    git_allow_rsa_keys = Option(
        False,
        "Sign in with RSA keys over SSH: a hostile server can then end a worker by a defect in libssh2.",
    )
    credentials_dir = Option(
        "",
        "Directory whose files repositories may name as credentials (`file:NAME`); none without it.",
    )
    git_connect_timeout_seconds = Option(
        10, "Longest wait for a Git server to accept or to answer.", unit="s", minimum=1, maximum=600
    )
    git_timeout_seconds = Option(120, "Longest time for one fetch as a whole.", unit="s", minimum=1, maximum=3600)
    git_max_fetch_bytes = Option(512 * 1024**2, "Largest pack received from a repository.", unit="bytes", minimum=1024)
    git_max_objects = Option(
        200_000, "Most Git objects received from a repository in one fetch.", unit="objects", minimum=1
    )
    git_max_file_bytes = Option(1024**2, "Largest manifest file.", unit="bytes", minimum=1024, maximum=64 * 1024**2)
    git_max_files = Option(50_000, "Most manifest files in one GitOps directory.", unit="files", minimum=1)
    git_max_mirrors_bytes = Option(
        10 * 1024**3,
        "Disk space for the mirrors of one machine; the longest unused make room.",
        unit="bytes",
        minimum=1024**2,
    )
    git_keep_mirrors_days = Option(
        30,
        "Mirrors that nobody used for this time are deleted.",
        unit="days",
        minimum=1,
        maximum=3650,
    )
    git_min_free_bytes = Option(
        256 * 1024**2, "Disk space that no fetch may take; mirrors make room first.", unit="bytes", minimum=0
    )
    log_format = Option(
        "auto",
        "How log lines look: for people (console) or for machines (json); auto: for people on a terminal only.",
        choices=("auto", "console", "json"),
    )
    log_level = Option(
        "INFO", "Least severity that is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    )

    @classmethod
    def options(cls) -> list[Option[object]]:
        """Every declared option, in order of declaration."""
        return [value for value in vars(cls).values() if isinstance(value, Option)]


conf: Final = Conf()
