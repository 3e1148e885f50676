"""Refreshes facts and rollups when their events or other inputs change."""
