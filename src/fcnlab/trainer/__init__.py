"""The Lightning Trainer: built for the device at hand."""
