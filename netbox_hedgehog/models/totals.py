"""What the history comes to: sums that pruning takes nothing from, so that counters made of them never fall."""

from __future__ import annotations

from django.db import models


class RunKind(models.TextChoices):
    """The two tables of finished work."""

    SYNC = "sync", "sync runs"
    TICK = "tick", "scheduler runs"


class RunTotal(models.Model):
    """All runs of one outcome since counting began. Only ``scheduling.totals`` writes it."""

    kind = models.CharField(max_length=10, choices=RunKind)
    status = models.CharField(max_length=10)
    error_code = models.CharField(max_length=64, blank=True)
    runs = models.BigIntegerField(default=0)
    seconds = models.FloatField("duration (s)", default=0)
    within = models.JSONField(default=dict, help_text="How many took at most so many seconds.")
    sums = models.JSONField(default=dict, help_text="What the runs' own counts come to.")

    class Meta:
        verbose_name = "run total"
        constraints = [
            models.UniqueConstraint(fields=["kind", "status", "error_code"], name="one_total_of_each_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.error_code}".rstrip()


class RunHour(models.Model):
    """The syncs of one outcome that began in one hour. Only ``scheduling.totals`` writes it."""

    hour = models.DateTimeField(help_text="When it began.")
    status = models.CharField(max_length=10)
    runs = models.BigIntegerField(default=0)
    within = models.JSONField(default=dict, help_text="How many took at most so many seconds.")

    class Meta:
        verbose_name = "hour of syncs"
        constraints = [models.UniqueConstraint(fields=["hour", "status"], name="one_row_of_each_hour_and_outcome")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} {self.status}"


class RunTotalsMark(models.Model):
    """Up to which row the runs of a kind are counted, and up to which they were seen at ``seen_at``.

    Rows get their numbers before they are committed, so what is new is not counted at once: by the time a number is
    counted that was the newest at an earlier moment, all up to it are there to be counted.
    """

    kind = models.CharField(max_length=10, choices=RunKind, unique=True)
    counted = models.BigIntegerField()
    seen = models.BigIntegerField()
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = "mark of the run totals"

    def __str__(self) -> str:
        return f"{self.kind} up to {self.counted}"
