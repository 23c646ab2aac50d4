"""Bytes to resources: parse, limit, validate. Pure functions that know neither Django nor settings."""
