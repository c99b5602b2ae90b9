"""Trains small Keras CNNs and turns them into int8 bundles that `edgecnn` runs.

The files are the pipeline, in order: registry → recipe → data → augment → batches → models → fit → quantize →
verify → confidence → report → publish; `pipeline` runs them all. `inspection` looks at data before.
"""

import os

# Read by TensorFlow and Keras when they are imported: only errors, and the backend that can convert.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
