"""Reads the raw tables."""
