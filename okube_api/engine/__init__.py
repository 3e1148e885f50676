"""Plans and evaluates a question over the facts of a store."""
