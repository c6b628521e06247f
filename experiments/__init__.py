"""Training, measuring and reproducing: the only folder that knows models, rules, tasks and hessian alike."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # must be set before TensorFlow is imported: errors only

HOME = Path(__file__).resolve().parents[1]  # the repository
