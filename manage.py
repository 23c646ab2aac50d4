#!/usr/bin/env python3
"""The command line of this project, from its checkout."""

from netbox_hedgehog.__main__ import main

if __name__ == "__main__":
    main()
