"""Every error that edgecnn raises on purpose.

Each one is an `EdgeCnnError` and the builtin that fits, so that callers can catch either. A message says
what went wrong, what was found, what was expected, and what to type next; the command line prints it as
one line and exits with code 1.

::

    EdgeCnnError
    ├── ModelError          (ValueError)         no TFLite classifier, or one that the engine rejects
    │   ├── ModelNotFound   (FileNotFoundError)  no such bundle or file
    │   ├── BundleError     (ValueError)         a bundle whose parts do not fit together
    │   ├── LabelsError     (ValueError)         labels that do not fit the model's outputs
    │   └── AnswerError     (ValueError)         answers of NaN or infinity, or not as LiteRT's
    ├── ImageError          (ValueError)         an image that can't be read or is of the wrong kind
    │   ├── ImageNotFound   (FileNotFoundError)  no such image file, or not any more
    │   └── DecoderClosed   (ValueError)         one that came while the run was ending
    ├── CameraError         (OSError)            a source that does not open or stops delivering
    ├── EngineError         (RuntimeError)       an engine that is missing or fails while it runs
    │   ├── EngineLost      (RuntimeError)       one whose process crashed or hung
    │   └── EngineRestarted (RuntimeError)       one that overran or crashed, and runs again
    ├── DataError           (ValueError)         a dataset that can't be trained on
    ├── RecipeError         (ValueError)         a training recipe with a wrong key or value
    ├── GateError           (ValueError)         a trained model that is not good enough to publish
    ├── BenchError          (RuntimeError)       a measurement that can't be trusted
    ├── CompileError        (RuntimeError)       a model that was not compiled for the Edge TPU
    ├── OutputError         (OSError)            a result that can't be written
    ├── OptionError         (ValueError)         an option's value that can't be understood
    └── MissingExtra        (ImportError)        an optional part that is not installed
"""

from __future__ import annotations


class EdgeCnnError(Exception):
    """The root: catch it to catch everything that edgecnn raises on purpose."""


class ModelError(EdgeCnnError, ValueError):
    """A file that is not a TFLite image classifier, or one that the engine rejects."""


class ModelNotFound(ModelError, FileNotFoundError):
    """No bundle of that name and no such file."""


class BundleError(ModelError):
    """A bundle whose parts are missing or do not fit together."""


class LabelsError(ModelError):
    """Labels that do not fit the model's outputs."""


class AnswerError(ModelError):
    """A model that answered NaN or infinity, or on an engine otherwise than on LiteRT."""


class ImageError(EdgeCnnError, ValueError):
    """An image that can't be read, or an array of the wrong kind."""


class ImageNotFound(ImageError, FileNotFoundError):
    """No image file of that name, or not any more."""


class DecoderClosed(ImageError):
    """An image that was not decoded because the decoder is closing."""


class CameraError(EdgeCnnError, OSError):
    """A source of frames that does not open or stops delivering."""


class EngineError(EdgeCnnError, RuntimeError):
    """An engine that is missing, or fails while it runs."""


class EngineLost(EngineError):
    """An engine's process that crashed, or did not answer in time."""


class EngineRestarted(EngineError):
    """An engine in a child process overran its deadline or crashed; a new process waits for the next call."""


class DataError(EdgeCnnError, ValueError):
    """A dataset that can't be trained on."""


class RecipeError(EdgeCnnError, ValueError):
    """A training recipe with an unknown key or a wrong value."""


class GateError(EdgeCnnError, ValueError):
    """A trained model that is not good enough to publish."""


class BenchError(EdgeCnnError, RuntimeError):
    """A measurement that can't be trusted where only a quiet one is accepted."""


class CompileError(EdgeCnnError, RuntimeError):
    """A model that can't be compiled for the Edge TPU, or of which too little would run there."""


class OutputError(EdgeCnnError, OSError):
    """A result that can't be written."""


class OptionError(EdgeCnnError, ValueError):
    """An option's value that can't be understood."""


class MissingExtra(EdgeCnnError, ImportError):
    """An optional part of edgecnn that is not installed."""
