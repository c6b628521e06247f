"""The sweep that chooses a learning rate for a rule on a task."""
