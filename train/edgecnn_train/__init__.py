"""Trains small Keras CNNs and turns them into int8 bundles that `edgecnn` runs.

The files are the pipeline, in order: recipe → data → augment, mix → batches → models → fit → quantize →
verify → calibrate → report → publish; `pipeline` runs them all. `check` and `preview` look at data before.
"""

import os

# Read by TensorFlow and Keras when they are imported: only errors, and the backend that can convert.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
