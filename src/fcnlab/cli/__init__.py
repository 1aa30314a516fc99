"""The command line: one wrapper around every command, configs composed and checked, lines in the terminal."""
