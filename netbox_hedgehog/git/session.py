"""One guarded connection to a Git server: checked address, bounded time, verified host, errors in plain words."""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pygit2
from pygit2.enums import ConfigLevel, ObjectType, Option

from netbox_hedgehog.errors import SyncError
from netbox_hedgehog.git.callbacks import Callbacks, address_of
from netbox_hedgehog.git.credentials import Anonymous
from netbox_hedgehog.git.dial import Dialler
from netbox_hedgehog.git.failures import timed_out, translate
from netbox_hedgehog.git.host_keys import host_key_line
from netbox_hedgehog.git.limits import Deadline
from netbox_hedgehog.git.streams import dialling
from netbox_hedgehog.git.watchdog import cut_in_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netbox_hedgehog.git.callbacks import Progress
    from netbox_hedgehog.git.source import GitSource

_CONFIG: Final = """[core]
\trepositoryformatversion = 0
\tfilemode = false
\tbare = true
"""

# What libgit2 raises: its own errors, and those that its Python layer maps to built-in ones.
LIBGIT2_ERRORS: Final = (pygit2.GitError, KeyError, ValueError, OSError, AssertionError)

# A Git configuration of the machine could rewrite URLs (``insteadOf``) after they have been checked. Shut out on
# import, because a repository that is opened earlier has read it already.
for _level in (ConfigLevel.SYSTEM, ConfigLevel.GLOBAL, ConfigLevel.XDG, ConfigLevel.PROGRAMDATA):
    pygit2.option(Option.SET_SEARCH_PATH, _level, "")

# Every fabric of a repository looks up its directory in the same few trees. As it comes, libgit2 remembers none of more
# than a hundred names, but up to 256 MiB of others.
pygit2.option(Option.SET_CACHE_OBJECT_LIMIT, ObjectType.TREE, 64 * 1024)
pygit2.option(Option.SET_CACHE_MAX_SIZE, 16 * 1024**2)

# libgit2 finds known_hosts through one process-wide home directory.
_home_lock: Final = threading.Lock()


def create_bare(path: Path) -> pygit2.Repository:
    """Make an empty bare repository in the existing, empty directory ``path``, without templates or hooks."""
    (path / "objects" / "pack").mkdir(parents=True)  # libgit2 finds no packs if it is made later
    (path / "refs").mkdir()
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "config").write_text(_CONFIG)
    return pygit2.Repository(str(path))


@contextmanager
def connect(
    repository: pygit2.Repository, source: GitSource, deadline: Deadline, progress: Progress | None = None
) -> Iterator[tuple[pygit2.Remote, Callbacks]]:
    """Connect to ``source``, whose URL has been checked, and hand out the remote and the callbacks for a fetch over it.

    Raises every ``git.*`` error of the URL, the network and the server, also for what the body of the ``with`` does.
    """
    callbacks = Callbacks(source, deadline, progress)
    with _connected(repository, source, callbacks, deadline) as remote:
        yield remote, callbacks


def shown_host_key(source: GitSource) -> str:
    """The ``known_hosts`` line of the key that the SSH server of ``source`` shows now; nobody vouches for it.

    No credential is shown to the server. Nothing is returned for what is no SSH server.
    """
    stranger = replace(source, credential=Anonymous(), known_hosts="")
    deadline = Deadline(source.limits.timeout_seconds)
    callbacks = Callbacks(stranger, deadline)
    with (
        suppress(SyncError),
        _connected(pygit2.Repository(), stranger, callbacks, deadline),
    ):
        pass
    return host_key_line(*address_of(source), callbacks.host_key) if callbacks.host_key else ""


@contextmanager
def _connected(
    repository: pygit2.Repository, source: GitSource, callbacks: Callbacks, deadline: Deadline
) -> Iterator[pygit2.Remote]:
    with closing(Dialler(source, deadline)) as dialler:
        try:
            with dialling(dialler), cut_in_time(dialler) if source.is_ssh else nullcontext():
                remote = repository.remotes.create_anonymous(source.url)
                with _known_hosts(source, deadline):
                    remote.connect(callbacks=callbacks)
                yield remote
        except LIBGIT2_ERRORS as error:
            # Without its cause: that one's text is not redacted.
            raise _meaning(dialler.failure or error, source, deadline) from None


def _meaning(error: BaseException, source: GitSource, deadline: Deadline) -> BaseException:
    """What to raise for ``error``; a limit of the caller that struck meanwhile stays what it is."""
    if isinstance(error, SyncError) or not isinstance(error, LIBGIT2_ERRORS):
        return error
    return timed_out(source.limits) if deadline.passed else translate(error, source.credential)


@contextmanager
def _known_hosts(source: GitSource, deadline: Deadline) -> Iterator[None]:
    """Show libgit2 the known hosts of this source, and only these, while it connects over SSH."""
    if not source.is_ssh:
        yield
        return
    if not _home_lock.acquire(timeout=deadline.remaining_seconds):
        raise timed_out(source.limits)
    try:
        with tempfile.TemporaryDirectory(prefix="hedgehog-known-hosts-") as home:
            directory = Path(home, ".ssh")
            directory.mkdir()
            (directory / "known_hosts").write_text(source.known_hosts.strip() + "\n", encoding="utf-8")
            before = pygit2.option(Option.GET_HOMEDIR)
            pygit2.option(Option.SET_HOMEDIR, home)
            try:
                yield
            finally:
                pygit2.option(Option.SET_HOMEDIR, before or "")
    finally:
        _home_lock.release()
