"""The LightningModules, and tiled inference."""
