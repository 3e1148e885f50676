"""Leaves out the tests of plots where Matplotlib, of the extra `bench`, is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("matplotlib") else ["test_plots.py"]
