"""Helpers for columns as NumPy and Arrow arrays."""
