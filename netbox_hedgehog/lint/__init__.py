"""Check manifests as a sync would, on files instead of a repository: for a repository's own CI. Needs no Django."""
