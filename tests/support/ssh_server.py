"""A real SSH server on loopback (asyncssh) that serves Git repositories for reading."""

from __future__ import annotations

import asyncio
import shlex
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import asyncssh

from tests.support.git_server import clean_git_environment


class SshServer:
    """Serves every bare repository below ``root`` to who holds one of the keys ``authorized``, or the password.

    ``logins`` counts those that succeeded.
    """

    def __init__(
        self,
        root: Path,
        *,
        authorized: list[asyncssh.SSHKey] | None = None,
        password: str | None = None,
        host_keys: list[asyncssh.SSHKey] | None = None,
        **options: Any,
    ) -> None:
        self.root = root
        self.host_keys = host_keys or [asyncssh.generate_private_key("ssh-ed25519")]
        self.authorized = authorized or []
        self.password = password
        self.logins = 0
        self._connections: list[asyncssh.SSHServerConnection] = []
        self._options = options

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._acceptor = self._call(self._listen())
        self.port = self._acceptor.get_port()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, name: str = "fabric.git", user: str = "git@") -> str:
        return f"ssh://{user}127.0.0.1:{self.port}/{name}"

    @property
    def known_hosts(self) -> str:
        """The lines that vouch for this server."""
        return "".join(known_hosts_line(self.port, key) for key in self.host_keys)

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        server = self

        class Login(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                server._connections.append(conn)

            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return server.password is not None

            def validate_password(self, username: str, password: str) -> bool:
                return password == server.password

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return key.public_data in {each.public_data for each in server.authorized}

            def auth_completed(self) -> None:
                server.logins += 1

        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Login,
            server_host_keys=self.host_keys,
            process_factory=self._serve,
            encoding=None,
            **self._options,
        )

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        command, path = shlex.split(process.command or "none none")
        repository = self.root / path.lstrip("/")
        if command != "git-upload-pack" or not repository.exists():
            process.stderr.write(b"fatal: does not appear to be a git repository\n")
            process.exit(128)
            return
        pipe = asyncio.subprocess.PIPE
        git = await asyncio.create_subprocess_exec(
            *["git", "-c", "safe.directory=*", "upload-pack", str(repository)],
            env=clean_git_environment(),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        incoming = asyncio.create_task(_copy_to_the_end(process.stdin, git.stdin))
        await asyncio.gather(_copy(git.stdout, process.stdout), _copy(git.stderr, process.stderr))
        process.exit(await git.wait())
        await incoming

    async def _close(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()
        for connection in self._connections:
            connection.close()
        await asyncio.gather(*(connection.wait_closed() for connection in self._connections))
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


async def _copy_to_the_end(source: Any, target: Any) -> None:
    await _copy(source, target)
    target.close()


async def _copy(source: Any, target: Any) -> None:
    with suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


def known_hosts_line(port: int, key: asyncssh.SSHKey) -> str:
    return f"[127.0.0.1]:{port} {key.export_public_key().decode()}"


def private_text(key: asyncssh.SSHKey, passphrase: str | None = None) -> str:
    """The key as its file has it."""
    return key.export_private_key("openssh", passphrase=passphrase).decode()
