"""The demo: two applications with a year of generated data."""
