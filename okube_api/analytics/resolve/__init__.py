"""From a request of a module to a question of the engine."""
