"""A run: its name, its folder, its record, its lock, and where its weights start."""
