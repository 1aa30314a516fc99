"""What ``fcnlab.bench`` measures, a module for each kind of row."""
