"""The `netbox-hedgehog` command: `run` starts everything on this machine, `lint_manifests` checks files, `alive` serves
probes; all else is Django's command line.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line


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
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
