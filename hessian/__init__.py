"""Curvature of a loss: Hessian-vector products and what is computed from them. Works on any TensorFlow 1 graph."""
