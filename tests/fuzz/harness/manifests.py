"""Manifests. Promise: whatever a file holds, reading and checking it give resources that JSON can hold, or problems
that name a line of the file in one printable line of bounded length; nothing is raised.
"""

from tests.support.fuzz import _TOKENS as WORDS
from tests.support.fuzz import take

__all__ = ["WORDS", "take"]
