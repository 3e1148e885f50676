"""Backups of a store: one file format for all stores, restored into either."""
