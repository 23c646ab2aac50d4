"""Known hosts, and the key that a server shows. Promise: a text passes or raises NeedsOperator
``git.known_hosts_invalid``; a key that is not vouched for makes an error of one of two codes, whose message holds
nothing that a terminal would obey; the line of a key is one line, which vouches for that key.
"""

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git.host_keys import check_known_hosts, fingerprint, host_key_line, not_vouched_for

WORDS = (
    *(
        b"ssh-ed25519 ",
        b"ssh-rsa ",
        b"ecdsa-sha2-nistp256 ",
        b"@cert-authority ",
        b"@revoked ",
        b"|1|",
        b"[h]:2222",
        b"#",
    ),
    *(
        b"AAAAC3NzaC1lZDI1NTE5AAAAIBlxusormkANqXBwsFKoHHW3i2POzDZIGR40pbGOf3jD",
        b"\n",
        b"\0\0\0\x0bssh-ed25519",
        b"\xff",
    ),
)


def take(data: bytes) -> None:
    head, _, key = data.partition(b"\n\n")
    text = head.decode("utf-8", "replace")
    try:
        check_known_hosts(text)
    except NeedsOperator as problem:
        assert problem.code == "git.known_hosts_invalid"
    for host, port in (("git.example.com", 22), ("h", 2222), ("::1", 22)):
        refusal = not_vouched_for(host, port, text, key)
        assert refusal.code in {"git.host_key", "git.host_key_changed"}
        assert str(refusal).isprintable(), refusal
        assert len(str(refusal)) < 1000
        line = host_key_line(host, port, key)
        assert len(line.splitlines()) == 1
        assert len(line.split()) <= 3
    assert fingerprint(key).isprintable()
