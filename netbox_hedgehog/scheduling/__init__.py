"""Which fabrics are due, who holds them, and the tick that hands them out."""
