"""Three made-up fabrics in local Git repositories, one of which keeps changing."""
