"""Write settings.md and commands.md beside this file from the code; `make docs` runs it, a test compares."""

from __future__ import annotations

import argparse
import os
import runpy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import django
from django.core.management import BaseCommand, load_command_class

from netbox_hedgehog.conf import Conf, Option

HERE: Final = Path(__file__).resolve().parent
PACKAGE: Final = HERE.parent / "netbox_hedgehog"
NOTE: Final = "<!-- Written by `make docs` from the code: change it there. -->"

DATA: Final = "in the data directory"
# Names, types and defaults come from the settings module; it has no place for what they mean.
MEANINGS: Final = {
    "SECRET_KEY": "Signs sessions; the same on every machine.",
    "HEDGEHOG_ENCRYPTION_KEY": "Encrypts credentials; several, comma-separated: the first encrypts, all decrypt.",
    "ALLOWED_HOSTS": "Host names that the web server answers to.",
    "CSRF_TRUSTED_ORIGINS": "Origins such as `https://hedgehog.example.net`, behind a proxy.",
    "HTTPS": "Secure cookies, redirect to HTTPS, HSTS.",
    "TRUST_PROXY": "Believe `X-Forwarded-Proto` of the proxy in front.",
    "DEBUG": "Django's debug pages; never in production.",
    "DATABASE_URL": "`postgres://user:password@host/name` or `sqlite:///path`.",
    "REDIS_URL": "Redis or Valkey for broker and cache; the cache takes the next database number.",
    "CELERY_BROKER_URL": "Another broker, such as `amqp://user:password@host//`.",
    "CACHE_URL": "Another Redis for the cache.",
    "HEDGEHOG_DATA_DIR": "The data directory: everything that is written, such as mirrors, SQLite, static files, keys.",
    "STATIC_ROOT": "Where `collectstatic` puts the static files and the web server finds them.",
    "HEDGEHOG_METRICS_KEY": "Who sends it as `Authorization: Bearer …` may read `/metrics` and the probes' details "
    "without signing in.",
    "HEDGEHOG_DEMO_ROOT": "The directory below which `file://` repositories are allowed; `make run` sets it for its "
    "demo.",
}
# Of those whose default depends on something else.
UNSET: Final = {
    "SECRET_KEY": f"random, kept {DATA}",
    "HEDGEHOG_ENCRYPTION_KEY": f"random, kept {DATA}",
    "DATABASE_URL": f"SQLite {DATA}",
    "CELERY_BROKER_URL": "`REDIS_URL`",
    "CACHE_URL": "`REDIS_URL`, next database",
    "HEDGEHOG_DATA_DIR": "`var/` of the checkout, or of the current directory",
    "STATIC_ROOT": f"`static/` {DATA}",
}
# Every command of Django has these.
COMMON: Final = {*vars(BaseCommand().create_parser("", "").parse_args([])), "help", "version"}

SETTINGS_HEAD: Final = f"""\
{NOTE}

# Settings

All are environment variables. A wrong value is refused at start with the variable's name, never with its value.
Each can also be read from a file, which `NAME_FILE` names, except `HEDGEHOG_DATA_DIR`. Lists are comma-separated. The
same values belong on every machine; `manage.py check --deploy` and `manage.py doctor` say what does not fit together.

Not read by the program itself: `WEB_CONCURRENCY` ([web server](deployment.md)), `HEDGEHOG_CREDENTIAL_…`
([credentials by reference](security.md)).
"""

COMMANDS_HEAD: Final = f"""\
{NOTE}

# Commands

`manage.py COMMAND` in a checkout, `netbox-hedgehog COMMAND` where the package is installed: the same commands with the
same settings. `--help` says what stands here.

## Exit codes

| code | meaning |
|---|---|
| 0 | done; what was looked at is well |
| 1 | something is wrong with what was looked at, or was refused; the command says what |
| 2 | wrong use: unknown arguments, a name that nothing has, a file that cannot be read |
| 3 | some commands: another answer that a script may want to tell apart, as the command's section says |
| 130 | interrupted (Ctrl-C); syncs that were queued go on |
| 141 | nobody reads the output any more (`\\| head`) |

What a command found goes to standard output, errors and log lines to standard error. `--json` prints one document,
also where the exit code is 1. Into a pipe, tables are 200 columns wide and have no colours; `NO_COLOR` or `--no-color`
takes them from a terminal, too.
"""


def pages() -> dict[str, str]:
    """The text of each file, by its name."""
    return {"settings.md": _settings(), "commands.md": _commands()}


def variables() -> dict[str, tuple[str, Any]]:
    """Every variable that the settings module reads → its type and default, as its reader has noted them."""
    with (
        tempfile.TemporaryDirectory() as directory,
        patch.dict(os.environ, {"HEDGEHOG_DATA_DIR": directory}, clear=True),
    ):
        reader = runpy.run_path(str(PACKAGE / "settings.py"))["env"]
        noted = {name: (type(field).__name__, field.load_default) for name, field in reader._fields.items()}
    return noted | {"HEDGEHOG_DATA_DIR": ("String", "")}


def _settings() -> str:
    options = {option.name: option for option in Conf.options()}
    rows = ["## The installation", "", "| variable | type | default | meaning |", "|---|---|---|---|"]
    for name, (kind, default) in variables().items():
        if name not in options:
            rows.append(f"| `{name}` | {_type(name, kind)} | {UNSET.get(name) or _code(default)} | {MEANINGS[name]} |")
    rows += ["", "## Its behaviour", "", "| variable | type | default | unit | meaning |", "|---|---|---|---|---|"]
    rows += [
        f"| `{name}` | {_type_of(option)} | {_code(option.default)} | {option.unit} | {option.meaning} |"
        for name, option in options.items()
    ]
    return "\n".join([SETTINGS_HEAD, *rows, ""])


def _type(name: str, field: str) -> str:
    if name.endswith("_URL"):
        return "URL"
    return {"Boolean": "boolean", "List": "list", "String": "text"}.get(field, "list")


def _type_of(option: Option[Any]) -> str:
    """With the bounds, for numbers, and the choices."""
    if option.choices:
        items = ", ".join(f"`{choice}`" for choice in option.choices)
        return f"list of {items}" if isinstance(option.default, tuple) else f"one of {items}"
    for python_type, words in ((bool, "boolean"), (str, "text"), (tuple, "list")):
        if isinstance(option.default, python_type):
            return words
    number = "whole number" if isinstance(option.default, int) else "number"
    if option.maximum is None:
        return f"{number} from {option.minimum:,}"
    return f"{number}, {option.minimum:,} to {option.maximum:,}"


def _code(value: Any) -> str:
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list | tuple):
        text = ",".join(value)
    else:
        text = str(value).removesuffix(".0")
    return f"`{text}`" if text else ""


def _commands() -> str:
    from netbox_hedgehog.local.launcher import parser  # noqa: PLC0415 - needs Django to be set up

    sections = [*_section("run", parser(), "Run the whole system on this machine, with embedded parts.")]
    for file in sorted((PACKAGE / "management/commands").glob("[a-z]*.py")):
        command: BaseCommand = load_command_class("netbox_hedgehog", file.stem)
        sections += _section(file.stem, command.create_parser("manage.py", file.stem), command.help)
    return "\n".join([COMMANDS_HEAD, *sections])


def _section(name: str, parser: argparse.ArgumentParser, text: str) -> Iterator[str]:
    yield from (f"## {name}", "", text, "")
    taken = [action for action in parser._actions if action.dest not in COMMON]  # noqa: SLF001 - nothing public lists them
    if taken:
        yield from ("| argument | meaning |", "|---|---|")
        for action in taken:
            yield f"| `{_shown(action)}` | {_help(action)} |"
        yield ""


def _help(action: argparse.Action) -> str:
    return ((action.help or "") % (vars(action) | {"prog": ""})).replace("|", "\\|")


def _shown(action: argparse.Action) -> str:
    choices = ",".join(map(str, action.choices or ()))
    value = action.metavar or (f"{{{choices}}}" if choices else action.dest.upper())
    taken = {0: "", "?": f" [{value}]"}.get(action.nargs or "", f" {value}") if action.nargs != 0 else ""
    if action.option_strings:
        return f"{', '.join(action.option_strings)}{taken}"
    return {"*": f"[{value} …]", "+": f"{value} …", "?": f"[{value}]"}.get(str(action.nargs), str(value))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "netbox_hedgehog.settings")
    django.setup()
    for page, content in pages().items():
        (HERE / page).write_text(content)
