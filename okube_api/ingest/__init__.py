"""Turns uploaded files of events into facts and rollups."""
