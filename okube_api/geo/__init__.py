"""Distances, and H3 cells of places."""
