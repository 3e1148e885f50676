"""The HTTP API: the modules that depend on both HTTP and the domains."""
