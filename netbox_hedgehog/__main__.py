"""The `netbox-hedgehog` command: `run` starts everything on this machine, `lint_manifests` checks files, `alive` serves
probes; all else is Django's command line.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from django.core.management import execute_from_command_line

# As shells have it: 128 and the number of the signal.
BROKEN_PIPE: Final = 141
INTERRUPTED: Final = 130


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")
    if sys.argv[1:2] == ["run"]:
        from netbox_hedgehog.local.launcher import run  # noqa: PLC0415 - the embedded parts are an optional extra

        sys.exit(run(sys.argv[2:]))
    if sys.argv[1:2] == ["lint_manifests"]:
        from netbox_hedgehog.lint.command import main as lint_manifests  # noqa: PLC0415 - for this command alone

        # Without Django: a repository's own CI has no settings, and nowhere to keep keys.
        sys.exit(lint_manifests(sys.argv[2:]))
    if sys.argv[1:2] == ["alive"]:
        from netbox_hedgehog.alive import main as alive  # noqa: PLC0415 - for this command alone

        # Without Django: probes come every few seconds. Django's command of this name looks further where needed.
        if (status := alive(sys.argv[2:])) is not None:
            sys.exit(status)
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads has read enough: `head`, or a pager that was left. What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
