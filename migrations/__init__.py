"""Migrations; imported as netbox_hedgehog.migrations only."""
