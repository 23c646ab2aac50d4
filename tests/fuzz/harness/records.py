"""Records of what syncs changed. Promise: from whatever two versions of a file hold, a record is JSON, bounded and
without the passwords in it; it is told line by line in printable words, and records in a row fold into one.

An input is two files, divided by a line ``====``.
"""

import json

from netbox_hedgehog.manifests import ManifestLimits, read_manifests
from netbox_hedgehog.observability.redaction import redact_value
from netbox_hedgehog.sync.changes import changes_between, folded, same, with_changes
from netbox_hedgehog.sync.record import LONGEST_CONTENT, _bounded, _excerpt, _place_of
from netbox_hedgehog.sync.record_text import record_lines
from tests.support.fuzz import _TOKENS

WORDS = (
    *_TOKENS,
    b"\n====\n",
    b"password: C4n4ry-s3cr3t\n",
    b'{"token": "C4n4ry-s3cr3t"}',
    b"https://u:C4n4ry-s3cr3t@h/\n",
    b"labels: {a: b}\n",
)
_SECRET = "C4n4ry-s3cr3t"


def take(data: bytes) -> None:
    old, new = (_resources(part) for part in ([*data.split(b"\n====\n"), b""])[:2])
    entries = []
    for before, after in zip(old, new, strict=False):
        changes = list(changes_between(_content(before), _content(after)))
        assert same(with_changes(_content(before), changes), _content(after))
        folded(changes + changes)
        fields = [_bounded(each) for each in changes]
        entries.append(_place_of(after) | {"fields": fields, "more_fields": 1})
    deleted = [_place_of(each) | {"content": _excerpt(redact_value(_content(each)), LONGEST_CONTENT)} for each in old]
    record = {
        "created": [_place_of(each) for each in new],
        "updated": entries,
        "deleted": deleted,
        "more": {"deleted": 2},
    }
    stored = json.loads(json.dumps(record, allow_nan=False))
    for line in record_lines(stored):
        assert line.isprintable(), line
        assert len(line) < 20_000


def _resources(data: bytes):
    return read_manifests([("a.yaml", data)], limits=ManifestLimits()).resources


def _content(resource):
    return {"labels": resource.labels, "annotations": resource.annotations, "spec": resource.spec}
