"""What the tests in a browser share."""

from __future__ import annotations

DESK = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
PASSWORD = "correct horse battery staple"


class Complaints(list[str]):
    """What a page complained about; a test that provokes one takes it out."""

    def expect(self, part: str) -> None:
        """Take out those that contain ``part``; there must be one."""
        found = [each for each in self if part in each]
        assert found, f"no complaint about {part!r} in {list(self)}"
        self[:] = [each for each in self if each not in found]
