"""One fabric's sync: fetch, read, compare, apply, record."""
