"""Loads files into raw tables: normalises events, resolves references, replaces names of people by user numbers."""
