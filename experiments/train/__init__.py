"""Trains ensembles with a learning rule and measures curvature along the way."""
