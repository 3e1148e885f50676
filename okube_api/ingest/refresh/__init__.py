"""Writes facts and rollups anew, or adds to them, when their events or inputs change."""
