"""What the system says about itself; a leaf that imports nothing else of the project."""
