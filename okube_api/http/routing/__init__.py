"""Choice of the route of a request."""
