"""A network and a batch of the user's own: gradients by a rule and by BPTT, and curvature."""
