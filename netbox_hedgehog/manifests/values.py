"""Check that a parsed document is a JSON value that every database gives back unchanged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from netbox_hedgehog.manifests.limits import ManifestLimits
    from netbox_hedgehog.manifests.problem import FieldPath

_MIN_INTEGER: Final = -(2**63)
_MAX_INTEGER: Final = 2**63 - 1
# From here on a float's shortest form has an exponent, which jsonb writes out in full and so gives back an integer.
_EXPONENT_FROM: Final = 1e16


class ValueCheck:
    """A walk through one document's values: counts ``nodes`` and collects ``flaws`` as (place, message).

    Floats are put into the form that PostgreSQL's jsonb gives back: no negative zero, and integers where the
    shortest form of the float would have a positive exponent. ``text`` is what the document was parsed from.
    """

    def __init__(self, root: dict[Any, Any], text: str, limits: ManifestLimits) -> None:
        self.nodes = 1
        self.flaws: list[tuple[FieldPath, str]] = []
        self._limits = limits
        # A character has at most four bytes, and only an escape makes one that the text does not have itself.
        is_short = len(text) <= limits.max_scalar_bytes // 4
        self._checks_strings = not is_short or "\\" in text or "\0" in text or "<<" in text
        self._check_mapping(root, ())

    def _check_mapping(self, mapping: dict[Any, Any], field: FieldPath) -> None:
        self.nodes += 2 * len(mapping)
        checks_strings = self._checks_strings
        for key, value in mapping.items():
            if type(key) is not str:
                self._flaw(field, f"the key {key!r:.40} is not a string; quote it")
                continue
            if checks_strings:
                self._check_key(key, (*field, key))
            if checks_strings or type(value) is not str:
                self._check_value(mapping, key, value, (*field, key))

    def _check_list(self, items: list[Any], field: FieldPath) -> None:
        self.nodes += len(items)
        for index, value in enumerate(items):
            self._check_value(items, index, value, (*field, index))

    def _check_value(self, container: Any, step: str | int, value: object, field: FieldPath) -> None:
        if isinstance(value, dict):
            if self._may_hold(field):
                self._check_mapping(value, field)
        elif isinstance(value, list):
            if self._may_hold(field):
                self._check_list(value, field)
        elif isinstance(value, str):
            self._check_string(value, field)
        elif isinstance(value, float):
            container[step] = self._stored(value, field)
        elif isinstance(value, int):
            if not _MIN_INTEGER <= value <= _MAX_INTEGER:
                self._flaw(field, "integers must fit into 64 bits; quote it if it is a text")
        elif value is not None:
            self._flaw(field, "this is not a JSON value")

    def _may_hold(self, field: FieldPath) -> bool:
        """Whether what stands here may hold more."""
        if len(field) < self._limits.max_depth:
            return True
        self._flaw(field, f"nested more than {self._limits.max_depth} levels deep")
        return False

    def _check_key(self, key: str, field: FieldPath) -> None:
        if key == "<<":
            # The parser merges mappings; what is left under this name was not one.
            self._flaw(field, "the merge key << needs a mapping")
        self._check_string(key, field)

    def _check_string(self, text: str, field: FieldPath) -> None:
        limit = self._limits.max_scalar_bytes
        if len(text) > limit // 4 and len(text.encode()) > limit:
            self._flaw(field, f"a text is longer than the {limit} bytes allowed")
        if "\0" in text:
            self._flaw(field, "the character NUL cannot be stored")

    def _stored(self, number: float, field: FieldPath) -> float:
        if not math.isfinite(number):
            self._flaw(field, "infinity and NaN are not JSON numbers")
        elif not _MIN_INTEGER <= number <= _MAX_INTEGER:
            self._flaw(field, "numbers must fit into 64 bits; quote it if it is a text")
        elif abs(number) >= _EXPONENT_FROM:
            return int(number)
        return number or 0.0

    def _flaw(self, field: FieldPath, message: str) -> None:
        if len(self.flaws) < self._limits.max_problems:
            self.flaws.append((field, message))
