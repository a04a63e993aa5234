"""Images of tasks: fetched within bounds, and told apart from what else a host answers."""
