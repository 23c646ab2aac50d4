"""One machine: what `netbox-hedgehog run` starts, and the demo it loads."""
