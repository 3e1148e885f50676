"""Tests of the jobs without the API and without questions."""
