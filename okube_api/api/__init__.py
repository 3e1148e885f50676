"""The HTTP API: everything that knows both HTTP and the domains."""
