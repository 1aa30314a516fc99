"""Which parameters learn, how fast, on what schedule."""
