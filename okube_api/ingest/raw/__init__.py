"""Reads raw tables: the events of batches that count, and the current state of keyed events."""
