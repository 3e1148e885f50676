"""Tests of the manual: its command blocks run, its figures are those of the server."""
