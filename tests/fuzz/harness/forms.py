"""The forms of the admin: those with structure (JSON, limits by kind, schedules, keys, certificates, references), and
the one to sign in. Promise: what is posted is saved or refused at its field, and nothing is raised.

An input is the path of a form, and below it lines ``field=value`` for what is not as the form stands; a line break in a
value is written ``\\n``.
"""

from django.db import transaction

from tests.fuzz.pages import Pages

WORDS = (
    *(
        b"\nargs=[",
        b"\nkwargs={",
        b"\nheaders={}",
        b"\nbudget_by_kind={",
        b'{"Switch": {"deletions": 0}}',
        b"\nurl=",
        b"\nssh_known_hosts=",
    ),
    *(
        b"\nca_certificates=",
        b"\nssh_private_key=",
        b"\npassword_reference=env:HEDGEHOG_CREDENTIAL_A",
        b"\nproxy_url=http://",
        b"\nevery=",
    ),
    *(
        b"\nperiod=seconds",
        b"\nminute=*/5",
        b"\nhour=",
        b"\ntimezone=UTC",
        b"\nlatitude=",
        b"\nclocked_time_0=2026-01-01",
        b"\nsync_interval=",
    ),
    *(
        b"99999999999999999999",
        b"-1",
        b"1e400",
        b"\\u0000",
        b"\\ud800",
        b"[[[[[[[[",
        b"NaN",
        b"\x00",
        b"\xf0\x9f\x98\x80",
        b"\nlocal_folder=../",
    ),
)
_ERROR = 500
_pages = Pages()
prepare = _pages.prepare


def take(data: bytes) -> None:
    path, *lines = data.decode("utf-8", "replace").split("\n")
    if path not in _pages.forms:
        return
    fields = dict(line.replace("\\n", "\n").partition("=")[::2] for line in lines)
    with transaction.atomic():
        answer = _pages.boss.post(path, _pages.forms[path] | fields)
        assert answer.status_code < _ERROR, data
        transaction.set_rollback(True)
