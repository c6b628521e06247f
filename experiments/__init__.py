"""Training, measuring and reproducing: the only folder that knows models, rules, tasks and hessian alike."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # must be set before TensorFlow is imported: errors only
