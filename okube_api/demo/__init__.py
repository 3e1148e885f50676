"""The demo: two applications with two years of generated data."""
