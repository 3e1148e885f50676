"""Kinds of events: their fields, keys and raw tables."""
