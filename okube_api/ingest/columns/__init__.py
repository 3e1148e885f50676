"""Helpers for whole columns of numpy and Arrow."""
