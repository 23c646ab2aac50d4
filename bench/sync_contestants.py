"""What is measured of a sync: ours, the way NetBox keeps files, and what cannot be beaten."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pygit2
import yamlrocks
from django.core.validators import RegexValidator
from django.db import connection, models, transaction
from dulwich import porcelain
from psycopg.types.json import Jsonb

from netbox_hedgehog.git import GitSource, UrlPolicy
from netbox_hedgehog.git.callbacks import Callbacks
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.session import connect, create_bare
from netbox_hedgehog.models import FabricResource, FabricStatus, GitRepository, HedgehogFabric
from netbox_hedgehog.tasks import git_sync_fabric

MEMORY_DISK: Final = Path("/dev/shm")

_RESOURCES: Final = FabricResource._meta.db_table  # noqa: SLF001 - Django's documented model API
_COLUMNS: Final = (
    "fabric_id, api_version, kind, namespace, name, labels, annotations, spec, digest, source_path, source_line"
)


class StoredFile(models.Model):
    """A row as NetBox's DataFile has it."""

    source = models.ForeignKey(GitRepository, models.CASCADE, related_name="+")
    path = models.CharField(max_length=1000)
    size = models.PositiveIntegerField()
    hash = models.CharField(max_length=64, validators=[RegexValidator("^[0-9a-f]{64}$")])
    data = models.BinaryField()

    class Meta:
        app_label = "bench"
        constraints = (models.UniqueConstraint(fields=("source", "path"), name="stored_file"),)

    def __str__(self) -> str:
        return self.path


_FILES: Final = StoredFile._default_manager  # noqa: SLF001 - "objects" is there only for installed apps' checkers


class Ours:
    """The task itself, with its mirror."""

    def __init__(self, url: str, mirrors: Path) -> None:
        self._mirrors = mirrors
        repository = GitRepository.objects.create(name=url, url=url)
        self._fabric = self._new_fabric(repository)

    def forget(self) -> None:
        """As if it had never been synced."""
        shutil.rmtree(self._mirrors, ignore_errors=True)
        repository = self._fabric.git_repository
        assert repository
        self._fabric.delete()
        self._fabric = self._new_fabric(repository)

    @staticmethod
    def _new_fabric(repository: GitRepository) -> HedgehogFabric:
        return HedgehogFabric.objects.create(
            name=repository.name, status=FabricStatus.ACTIVE, git_repository=repository
        )

    def run(self) -> int:
        """One sync; the number of resources that it changed."""
        result = git_sync_fabric.apply((self._fabric.pk,)).get()
        if result["status"] not in {"succeeded", "unchanged"}:
            raise RuntimeError(result)
        return int(result["created"]) + int(result["updated"]) + int(result["deleted"])


class NetBoxWay:
    """A fresh clone on a memory disk, every file hashed, one validated row for each new one; it parses nothing.

    So does NetBox 4's ``DataSource.sync`` (core/models/data.py, core/data_backends.py): a transaction for each batch, a
    query or two to validate each row.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._source = GitRepository.objects.create(name=f"NetBox: {url}", url=url)
        if StoredFile._meta.db_table not in connection.introspection.table_names():  # noqa: SLF001
            with connection.schema_editor() as editor:
                editor.create_model(StoredFile)

    def forget(self) -> None:
        """As if it had never been synced."""
        _FILES.all().delete()

    def run(self) -> int:
        """One sync; the number of files that it wrote."""
        with tempfile.TemporaryDirectory(dir=MEMORY_DISK) as directory:
            porcelain.clone(self._url, directory, depth=1, checkout=True, errstream=porcelain.NoneStream())
            return self._store(Path(directory))

    def _store(self, root: Path) -> int:
        known = list(_FILES.filter(source=self._source))
        changed = [row for row in known if (root / row.path).exists() and self._refresh(row, root)]
        _FILES.bulk_update(changed, ("size", "hash", "data"))
        paths = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        new = []
        for path in sorted(paths - {row.path for row in known}):
            if not path.startswith("."):
                row = StoredFile(source=self._source, path=path)
                self._refresh(row, root)
                row.full_clean()
                new.append(row)
        _FILES.bulk_create(new, batch_size=100)
        return len(changed) + len(new)

    @staticmethod
    def _refresh(row: StoredFile, root: Path) -> bool:
        data = (root / row.path).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        differs = row.hash != digest
        row.size, row.hash, row.data = len(data), digest, data
        return differs


class Floor:
    """The same work without any promise: fetch, read what differs, parse, and the fewest statements that store it."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory
        self._tree = ""
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS bench_floor (LIKE {_RESOURCES} INCLUDING ALL)")
            cursor.execute("CREATE TABLE IF NOT EXISTS bench_state (id int primary key, head text)")
            cursor.execute("CREATE TABLE IF NOT EXISTS bench_run (id serial primary key, head text)")
            cursor.execute("INSERT INTO bench_state VALUES (1, '') ON CONFLICT (id) DO UPDATE SET head = ''")

    def forget(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._tree = ""
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE bench_floor")

    def first(self) -> int:
        """Clone, read, parse, COPY."""
        self._directory.mkdir()
        return self._fetch_and_store(create_bare(self._directory))

    def changed(self) -> int:
        """Fetch, compare the trees, read and parse what differs, COPY it aside and move it over in one statement."""
        return self._fetch_and_store(pygit2.Repository(str(self._directory)))

    def unchanged(self) -> int:
        """One listing of the remote, and two rows written."""
        repository = pygit2.Repository(str(self._directory))
        with self._connected(repository) as (remote, _):
            head = next(str(each.oid) for each in remote.list_heads(connect=False) if each.name == "HEAD")
        self._note(head)
        return 0

    def _connected(self, repository: pygit2.Repository) -> AbstractContextManager[tuple[pygit2.Remote, Callbacks]]:
        # With the engine's own connection: libgit2 opens no other in this process.
        policy = UrlPolicy(schemes=frozenset({"http"}), allow_private=True)
        source = GitSource(url=self._url, ref="main", policy=policy)
        return connect(repository, source, Deadline(source.limits.timeout_seconds))

    def _fetch_and_store(self, repository: pygit2.Repository) -> int:
        with self._connected(repository) as (remote, callbacks):
            remote.fetch(["+refs/heads/main:refs/heads/main"], callbacks=callbacks, depth=1)
        tree = repository.references["refs/heads/main"].peel(pygit2.Tree)
        rows = list(_rows(_changed_blobs(repository, self._tree, tree)))
        with transaction.atomic():
            self._store(rows)
            self._note(str(tree.id))
        self._tree = str(tree.id)
        return len(rows)

    def _store(self, rows: list[tuple[Any, ...]]) -> None:
        with connection.cursor() as cursor:
            target = "bench_aside" if self._tree else "bench_floor"
            if self._tree:
                cursor.execute(
                    f"CREATE TEMP TABLE bench_aside ON COMMIT DROP AS SELECT {_COLUMNS} FROM bench_floor WITH NO DATA"
                )
            with cursor.copy(f"COPY {target} ({_COLUMNS}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            if self._tree:
                cursor.execute(
                    "UPDATE bench_floor AS kept SET labels = new.labels, annotations = new.annotations,"
                    " spec = new.spec, digest = new.digest, source_line = new.source_line"
                    " FROM bench_aside AS new WHERE"
                    " (kept.fabric_id, kept.kind, kept.namespace, kept.name, kept.api_version)"
                    " = (new.fabric_id, new.kind, new.namespace, new.name, new.api_version)"
                )

    @staticmethod
    def _note(head: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bench_state SET head = %s WHERE id = 1", [head])
            cursor.execute("INSERT INTO bench_run (head) VALUES (%s)", [head])


def _changed_blobs(repository: pygit2.Repository, old: str, new: pygit2.Tree) -> Iterator[tuple[str, bytes]]:
    base = repository[old].peel(pygit2.Tree) if old else repository[repository.TreeBuilder().write()].peel(pygit2.Tree)
    for delta in base.diff_to_tree(new, flags=pygit2.enums.DiffOption.SKIP_BINARY_CHECK).deltas:
        yield delta.new_file.path, repository[delta.new_file.id].peel(pygit2.Blob).data


def _rows(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[Any, ...]]:
    for path, data in files:
        for document in yamlrocks.loads_all(data):
            metadata = document["metadata"]
            yield (
                1, document["apiVersion"], document["kind"], metadata["namespace"], metadata["name"],
                Jsonb(metadata.get("labels", {})), Jsonb({}), Jsonb(document["spec"]), "0" * 32, path, 1,
            )  # fmt: skip
