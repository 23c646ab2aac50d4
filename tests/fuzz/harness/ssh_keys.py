"""SSH private keys. Promise: a text is no RSA key, or NeedsOperator ``git.ssh_key_rsa`` is raised; never quoted."""

from netbox_hedgehog.errors import NeedsOperator
from netbox_hedgehog.git.ssh_keys import check_ssh_key

WORDS = (
    b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    b"-----END OPENSSH PRIVATE KEY-----\n",
    b"-----BEGIN RSA PRIVATE KEY-----\n",
    b"-----BEGIN PRIVATE KEY-----\n",
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    b"b3BlbnNzaC1rZXktdjEA",
    b"Proc-Type: 4,ENCRYPTED\n",
    b"=",
)


def take(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for passphrase in ("", "passphrase"):
        try:
            check_ssh_key(text, passphrase)
        except NeedsOperator as problem:
            assert problem.code == "git.ssh_key_rsa"
