"""From bytes to valid rows."""
