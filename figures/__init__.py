"""Figures and tables from result files alone; nothing here imports TensorFlow."""
