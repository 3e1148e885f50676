"""Drive-to-store analytics: the server, its command line and its two stores."""

__version__ = "0.9.0"
"""Version of the package: CHANGELOG.md."""

CONTRACT_VERSION = "1.45.11"
"""Version of the Okube Analytics API that the server implements; its OpenAPI document has it."""
