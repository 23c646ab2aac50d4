"""Which signing authorities a TLS server may be vouched for by: the system's, or a repository's own and no others."""

from __future__ import annotations

import ssl
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from netbox_hedgehog.errors import NeedsOperator

_REMEDY = "Enter the authority's certificates in PEM form, each from -----BEGIN CERTIFICATE----- to its END line."


def check_authorities(pem: str, now: datetime) -> None:
    """Refuse a text that is not a list of certificates that are valid at ``now``; nothing at all is fine.

    Raises NeedsOperator ``git.ca_invalid``.
    """
    if not pem.strip():
        return
    if "PRIVATE KEY" in pem:
        raise _invalid("it contains a private key, which no authority hands out")
    try:
        for certificate in x509.load_pem_x509_certificates(pem.encode()):
            _check_time(certificate, now)
    except (ValueError, x509.InvalidVersion):  # a certificate's parts are parsed when they are asked for
        raise _invalid("it cannot be read as PEM") from None


def _check_time(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise _invalid(f"{_name(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        raise _invalid(f"{_name(certificate)} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d} on")


@lru_cache(maxsize=128)
def trusting(pem: str) -> ssl.SSLContext:
    """A client's context that trusts the certificates in ``pem`` and no others; without any, what the system trusts.

    One context per text: what one repository trusts is never seen by another, in whatever thread.
    Raises NeedsOperator ``git.ca_invalid``.
    """
    # OpenSSL takes ASCII alone; what stands between the certificates is for people, in their alphabet.
    certificates = pem.encode("ascii", "replace").decode() if pem.strip() else None
    try:
        context = ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, ValueError):
        raise _invalid("it cannot be read as PEM") from None
    if pem.strip():
        # What the operator entered is trusted as it is, be it an authority, one below it, or the server's own.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 asks for extensions that many private authorities leave out; neither git nor curl does.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return f"the certificate {names[0].value!r}" if names else "a certificate"


def _invalid(reason: str) -> NeedsOperator:
    return NeedsOperator("git.ca_invalid", f"The repository's own signing authority is not usable: {reason}.", _REMEDY)
