"""Loggers that need more than a name."""
