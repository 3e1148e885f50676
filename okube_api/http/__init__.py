"""HTTP without any domain."""
