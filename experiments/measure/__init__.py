"""Further measures of curvature on finished runs."""
