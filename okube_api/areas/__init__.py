"""IRIS areas of an application."""
