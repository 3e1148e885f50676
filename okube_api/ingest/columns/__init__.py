"""Helpers for whole columns of NumPy and Arrow."""
