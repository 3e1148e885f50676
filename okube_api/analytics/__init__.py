"""Answers analytics requests."""
