"""Parses event files: turns bytes into valid rows, and gives the reason for each rejected line."""
