"""What is to be run: configurations, experiment files, learning rates, costs."""
