"""Encrypt stored secrets anew with the first key, so that former keys can be taken out of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Substr

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.models import GitRepository, HedgehogFabric, HeldChange
from netbox_hedgehog.models.fields import EncryptedTextField, Secret
from netbox_hedgehog.scheduling.due import FABRIC_COLUMNS, source_fingerprint
from netbox_hedgehog.sync.reading import source_part

SECRET_COLUMNS: Final = tuple(
    field.name
    for field in GitRepository._meta.concrete_fields  # noqa: SLF001 - public by documentation
    if isinstance(field, EncryptedTextField)
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of a batch of repositories' secrets."""

    renewed: int = 0
    current: int = 0
    """Secrets that the first key had encrypted already."""
    unreadable: tuple[str, ...] = ()
    """Repository and column of secrets that no configured key decrypts; they stay as they are."""

    def __add__(self, other: Rotation) -> Rotation:
        return Rotation(self.renewed + other.renewed, self.current + other.current, self.unreadable + other.unreadable)


def rotate(*, batch_size: int = 100, dry_run: bool = False) -> Iterator[Rotation]:
    """Renew the secrets of all repositories, a transaction for each batch; yields what each batch came to.

    Stopped anywhere, it goes on where it was: what is renewed already is left alone.
    """
    last = 0
    while True:
        with transaction.atomic():
            rows = GitRepository.objects.select_for_update().filter(pk__gt=last).order_by("pk")
            batch = list(rows[:batch_size])
            if not batch:
                return
            result = sum((_rotate(repository, dry_run=dry_run) for repository in batch), Rotation())
        yield result
        last = batch[-1].pk


def _rotate(repository: GitRepository, *, dry_run: bool) -> Rotation:
    renewed: dict[str, Secret] = {}
    current, unreadable = 0, []
    for name in SECRET_COLUMNS:
        secret: Secret = getattr(repository, name)
        if not secret:
            continue
        if secret.is_current:
            current += 1
            continue
        try:
            renewed[name] = Secret.of(secret.reveal())
        except NeedsOperator:
            unreadable.append(f"{repository}: {name}")
    if renewed and not dry_run:
        _store(repository, renewed)
    return Rotation(len(renewed), current, tuple(unreadable))


def _store(repository: GitRepository, renewed: dict[str, Secret]) -> None:
    """Write the new ciphertexts, which are of the same secrets: back-offs, approvals and what was read stay valid."""
    before = _fingerprints(repository)
    GitRepository.objects.filter(pk=repository.pk).update(**renewed)
    after = _fingerprints(repository)
    fabrics = HedgehogFabric.objects.filter(git_repository=repository)
    for columns, old in before.items():
        new = after[columns]
        fabrics.filter(failed_source=old).update(failed_source=new)
        begin, rest = source_part(new), Substr("synced_source", len(source_part(old)) + 1)
        fabrics.filter(synced_source__startswith=source_part(old)).update(synced_source=Concat(Value(begin), rest))
        HeldChange.objects.filter(fabric__git_repository=repository, source=old).update(source=new)


def _fingerprints(repository: GitRepository) -> dict[tuple[object, ...], str]:
    """The fingerprint of each source that fabrics of ``repository`` have, by what these fabrics have in common."""
    fabrics = HedgehogFabric.objects.filter(git_repository=repository).order_by().annotate(source=source_fingerprint())
    return {tuple(columns): source for *columns, source in fabrics.values_list(*FABRIC_COLUMNS, "source").distinct()}
