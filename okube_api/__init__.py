"""Drive-to-store analytics: the server, its command line and its two stores."""

__version__ = "1.45.11"
