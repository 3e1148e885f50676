"""Views: states of the explorer, saved by name."""
