"""Measurements against peers and floors, in the same run: `make bench`."""
