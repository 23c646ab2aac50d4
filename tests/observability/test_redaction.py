from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from netbox_hedgehog.errors import ContentProblem, InternalFault, NeedsOperator, RetryLater, SyncError
from netbox_hedgehog.observability.redaction import REDACTED, redact, redact_value

PEM = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACDMxHHPZ2VoZWRnZWhvZ2hlZGdlaG9naGVkZ2Vob2doZWRnZQAAAJhqd3Fs
-----END OPENSSH PRIVATE KEY-----"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # URLs
        ("https://bob:hunter2@git.example.com/f.git", "https://[REDACTED]@git.example.com/f.git"),
        ("https://hunter2@git.example.com/f.git", "https://[REDACTED]@git.example.com/f.git"),
        ("https://bob:hun@ter/2@git.example.com/f.git", "https://[REDACTED]@git.example.com/f.git"),
        ("https://bob:hun?ter#2@git.example.com/f.git", "https://[REDACTED]@git.example.com/f.git"),
        ("redis://:hunter2@cache:6379/0", "redis://[REDACTED]@cache:6379/0"),
        ("amqp://bob:hunter2@rabbit:5672//", "amqp://[REDACTED]@rabbit:5672//"),
        ("no route to 'ssh://git:hunter2@h/x': timeout", "no route to 'ssh://[REDACTED]@h/x': timeout"),
        # names and values
        ("host=db password=hunter2 dbname=x", "host=db password=[REDACTED] dbname=x"),
        ("host=db password='hunt er2' dbname=x", "host=db password='[REDACTED]' dbname=x"),
        ("PGPASSWORD=hunter2", "PGPASSWORD=[REDACTED]"),
        (f"{'a_long_name_' * 9}password=x1", f"{'a_long_name_' * 9}password=[REDACTED]"),
        ("Server=db;Pwd=hunter2;", "Server=db;Pwd=[REDACTED]"),
        ("ssh_key_passphrase: correct horse battery", "ssh_key_passphrase: [REDACTED]"),
        ("?private_token=hunter2&page=2", "?private_token=[REDACTED]"),
        ("apiKey: hunter2", "apiKey: [REDACTED]"),
        ("token := hunter2", "token := [REDACTED]"),
        ("data['password'] = 'hunter2'", "data['password'] = '[REDACTED]'"),
        ("{:password => 'hunter2'}", "{:password => '[REDACTED]'}"),
        # JSON and YAML
        ('{"password": "hunt\\"er2", "port": 1}', '{"password": "[REDACTED]", "port": 1}'),
        (r'"{\"password\": \"hunter2\", \"x\": 1}"', r'"{\"password\": \"[REDACTED]\", \"x\": 1}"'),
        ('{"password": "hunter2 cut o', '{"password": "[REDACTED]"'),
        ("password: 'it''s hunter2' # x", "password: '[REDACTED]' # x"),
        ("password: |\n  hunter2\n\n  more\nport: 1", "password: [REDACTED]\nport: 1"),
        ("password:\n  hunter2\nport: 1", "password:\n  [REDACTED]\nport: 1"),
        ("token: !!str hunter2", "token: !!str [REDACTED]"),
        # headers
        ("Authorization: Basic Ym9iOmh1bnRlcjI=", "Authorization: [REDACTED]"),
        ("authorization: Custom abc, signature=def\nHost: x", "authorization: [REDACTED]\nHost: x"),
        ('{"Authorization": "Bearer hunter2", "a": 1}', '{"Authorization": "[REDACTED]", "a": 1}'),
        ("Set-Cookie: sessionid=abc; Path=/", "Set-Cookie: [REDACTED]"),
        ("sent Bearer eyHunter2x.y", "sent Bearer [REDACTED]"),
        # keys
        (f"key {PEM} end", "key [REDACTED] end"),
        (PEM[:120], REDACTED),
        (PEM.replace("\n", "\\n"), REDACTED),
        (f"loading: {PEM[60:]} end", f"loading:{REDACTED} end"),
        (PEM.replace("OPENSSH ", ""), REDACTED),
        (PEM.replace("OPENSSH ", "RSA "), REDACTED),
        (PEM.replace("OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), REDACTED),
        (PEM.replace("-----BEGIN OPENSSH", "---- BEGIN SSH2 ENCRYPTED").replace("KEY-----", "KEY ----"), REDACTED),
    ],
)  # fmt: skip
def test_samples(text, expected):
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "tick.completed fabrics_checked=3 fabrics_due=2 syncs_triggered=2 duration_seconds=0.0123",
        "leaf-fabrics/one/switches.yaml:17: spec.role: must be one of spine, server-leaf, border-leaf",
        "fabrics/secret-store.yaml:12:5: mapping values are not allowed here",
        "No route to https://git.example.com:8443/network/fabrics.git (main)",
        "cloning git@github.com:network/fabrics.git at 62289d3f0c1e4b5a6978d3c2b1a0f9e8d7c6b5a4",
        "file:///srv/demo/fabric-1.git",
        "Connected to redis://127.0.0.1:6379/0",
        "Task netbox_hedgehog.tasks.git_sync_fabric[5c2d7d1c-5a0e-4f6e-9a41-6f3a7c4d2b11] succeeded in 0.4s",
        "remote authentication required but no callback set; basic authentication failed",
        "Put the former key back, or enter the credential again.",
        "worker git_sync@worker-1 took fabric 17 (claim expires at 2026-03-01 12:00:59+00:00)",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "while scanning for the next token, found character '%' that cannot start any token",
        "",
    ],
)
def test_a_text_without_secrets_stays_as_it_is(text):
    assert redact(text) == text


# --- Whatever the secret is

# What ends a URL or a word in running text cannot be told from the text's own.
url_characters = st.characters(
    min_codepoint=33, max_codepoint=0x17F, exclude_categories=["C", "Z"], exclude_characters='"<>'
)
passwords = st.text(url_characters, min_size=8, max_size=40)
phrases = st.text(
    st.sampled_from(string.ascii_letters + string.digits + string.punctuation + " äé"), min_size=8, max_size=40
).map(str.strip)
tokens = st.text(st.sampled_from(string.ascii_letters + string.digits), min_size=40, max_size=40)
surroundings = st.sampled_from(["", "fetch failed: ", "fetch of ", "\n", "a@b.c said: ", "(", "'"])


def gone(secret: str, cleaned: str, outside: str = "") -> bool:
    """No six characters in a row of it are left, except those that the text has anyway."""
    parts = (secret[start : start + 6] for start in range(len(secret) - 5))
    return not any(part in cleaned and part not in outside and part not in REDACTED for part in parts)


def assert_gone(secret: str, text: Callable[[str], str]) -> None:
    cleaned = redact(text(secret))
    assert gone(secret, cleaned, outside=text(""))
    assert redact(cleaned) == cleaned


@given(
    passwords,
    st.sampled_from(["https", "ssh", "postgres", "postgresql", "amqp", "amqps", "redis", "rediss", "git+https"]),
    st.sampled_from(["", "bob", "bob.smith", "bob%40example.com", "oauth2", "1"]),
    surroundings,
)
@example("12345/678@9:%", "https", "bob", "")
@example("/////////", "https", "bob", "")
def test_no_password_survives_in_a_url(password, scheme, user, before):
    assert_gone(password, lambda secret: f"{before}{scheme}://{user}:{secret}@git.example.com:443/f.git: refused")


@given(passwords)
@example("abc/def+ghi=")
def test_no_token_survives_as_the_user_of_a_url(token):
    assert_gone(token, "cannot reach https://{}@git.example.com/f.git".format)


@given(phrases)
def test_no_quoted_password_survives_in_a_url(password):
    assert_gone(quote(password, safe=""), "https://bob:{}@git.example.com/f.git".format)


FORMATS: dict[str, Callable[[str], str]] = {
    "json": lambda secret: json.dumps({"a": 1, "password": secret, "z": [2]}),
    "compact json": lambda secret: json.dumps({"a": 1, "client_secret": secret, "z": [2]}, separators=(",", ":")),
    "json in json": lambda secret: json.dumps({"body": json.dumps({"api_key": secret, "z": 2})}),
    "json in json in json": lambda secret: json.dumps({"a": json.dumps({"b": json.dumps({"token": secret, "z": 2})})}),
    "python": lambda secret: repr({"a": 1, "password": secret, "z": [2]}),
    "python in python": lambda secret: repr([repr({"passphrase": secret})]),
    "libpq": lambda secret: "host=db password='{}' dbname=x".format(secret.replace("\\", "\\\\").replace("'", "\\'")),
    "yaml double": lambda secret: f"user: bob\npassword: {json.dumps(secret)}\nport: 1",
    "yaml single": lambda secret: "user: bob\npassword: '{}'\nport: 1".format(secret.replace("'", "''")),
    "yaml block": lambda secret: f"user: bob\npassword: |-\n  {secret}\nport: 1",
    "authorization": lambda secret: f"> Authorization: Whatever {secret}\n> Host: x",
    "authorization in json": lambda secret: json.dumps({"headers": {"Authorization": f"Basic {secret}"}, "z": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@given(secret=phrases)
@example(secret="""'it's "all"' \\' the \\" same\\""")
@example(secret="a, b; c} d] e) f & g")
@example(secret="https://x y@z")
def test_no_secret_survives_under_its_name(name, secret):
    assert_gone(secret, FORMATS[name])


@given(passwords)
def test_no_unquoted_secret_survives_as_a_value(secret):
    assume(secret[0] not in "'\"\\|>!")  # then it is not unquoted
    for text in ("mysql --password={} -h db", "TOKEN={}", "secret: {}\nport: 1"):
        assert_gone(secret, text.format)


@given(tokens)
def test_no_token_of_a_usual_host_survives_anywhere(token):
    for prefix in ("ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "ATBB", "ATATT", "ATCTT", "xoxb-", "hvs.", "npm_"):
        for text in (f"{prefix}{token}", f"got '{prefix}{token}', refused", f"OLD_{prefix}{token}"):
            assert token not in redact(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_basic_credential_survives(user, password):
    value = base64.b64encode(f"{user}:{password}".encode()).decode()
    assume(len(value) >= 8)
    assert value not in redact(f"Authorization: Basic {value}")


@pytest.mark.parametrize("kept", range(PEM.index("\n"), len(PEM), 17))
def test_no_cut_of_a_key_leaves_any_of_it(kept):
    """Cut off at its end, or at its beginning."""
    for cut in (PEM[:kept], PEM[len(PEM) - kept :]):
        cleaned = redact(f"cannot use this key: {cut}")
        assert gone(PEM[36:-34].replace("\n", ""), cleaned)
        assert cleaned.startswith("cannot use this key:")


@given(st.text())
@example("https://h?password='a b',x@c")
@example("token=token=x password='")
@example('passwd: "\\')
def test_it_is_idempotent_and_never_fails(text):
    once = redact(text)
    assert redact(once) == once


words = [
    "password", "token=", "secret: ", "://", "a@", "'", '"', "\\", "\n  ", "|", ">", "!", ": ",
    "Authorization:", " ", "x",
    "bearer ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "[REDACTED]", "''", ",",
]  # fmt: skip


@given(st.lists(st.sampled_from(words), max_size=20).map("".join))
def test_it_is_idempotent_on_texts_made_of_what_it_looks_for(text):
    once = redact(text)
    assert redact(once) == once


# --- Hostile texts

MEGABYTE = 1_000_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "a://", "a:a@", "password", "password=", 'password="\\', 'password=\\"', "password:\n ", "password: |\n x\n",
        "token: !", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "a\n-----END PRIVATE KEY-----", "-", "basic ", "eyJ",
        "eyJaaaaaaaa.", "glpat-", "authorization:\n ", "\\", " ", "a-",
    ],
)  # fmt: skip
def test_it_takes_linear_time(unit):
    """Each is about a second's work; a quadratic pattern would need minutes to hours."""
    redact(unit * (MEGABYTE // len(unit)) + " password:" + unit)


# --- Values and errors


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("hunter2")


def test_values_keep_their_shape():
    value = {
        "count": 3,
        "ratio": 0.5,
        "flag": True,
        "none": None,
        "urls": ["https://bob:hunter2@h/x", ("https://h/x",)],
        "password": "hunter2",
        "nested": {"api_key": ["hunter2"], 7: "x"},
        "https://bob:hunter2@h/": 1,
        "bytes": b"password=hunter2",
        "unprintable": Unprintable(),
    }
    cleaned = redact_value(value)
    assert "hunter2" not in repr(cleaned)
    assert cleaned == {
        "count": 3,
        "ratio": 0.5,
        "flag": True,
        "none": None,
        "urls": ["https://[REDACTED]@h/x", ["https://h/x"]],
        "password": REDACTED,
        "nested": {"api_key": REDACTED, 7: "x"},
        "https://[REDACTED]@h/": REDACTED,
        "bytes": "b'password=[REDACTED]",
        "unprintable": "<unprintable _Repr>",
    }


def test_a_value_that_contains_itself_ends():
    value: dict[str, object] = {"password": "hunter2"}
    value["self"] = value
    assert "hunter2" not in json.dumps(redact_value(value))


@pytest.mark.parametrize("kind", [SyncError, NeedsOperator, ContentProblem, RetryLater, InternalFault])
def test_an_error_is_redacted_when_it_is_built(kind):
    error = kind("git.auth_failed", "no access to https://bob:hunter2@h/x", "Renew token=hunter2")
    for text in (str(error), repr(error), error.message, error.remedy, *map(str, error.args)):
        assert "hunter2" not in text
    assert str(error) == "[git.auth_failed] no access to https://[REDACTED]@h/x → Renew token=[REDACTED]"


def test_an_error_travels_between_processes_whole():
    import pickle

    error = pickle.loads(pickle.dumps(RetryLater("git.timeout", "too slow", "Wait.")))
    assert (type(error), error.code, error.message, error.remedy) == (RetryLater, "git.timeout", "too slow", "Wait.")
