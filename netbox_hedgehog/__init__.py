"""netbox-hedgehog: an always fresh database copy of Hedgehog fabrics."""
