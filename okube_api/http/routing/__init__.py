"""How a request finds its route."""
