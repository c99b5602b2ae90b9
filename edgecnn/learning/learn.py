"""The call for Python: from photos to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.bundle.input_spec import Given
from edgecnn.learning.request import Request
from edgecnn.learning.session import learn_bundle
from edgecnn.learning.trunk import DEFAULT_TRUNK

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from edgecnn.bundle.input_spec import Ranges
    from edgecnn.dataset import LayoutName
    from edgecnn.learning.session import Learned


def learn(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    trunk: str | os.PathLike[str] = DEFAULT_TRUNK,
    cut: str | None = None,
    value_range: Ranges | None = None,
    negatives: str | os.PathLike[str] | None = None,
    flip: bool = True,
    seed: int = 0,
    layout: LayoutName = "auto",
    allowed_drop: float = 1.0,
    say: Callable[[str], None] = lambda _: None,
) -> Learned:
    """Learn an int8 model from a few photos of each class, as `edgecnn learn` does.

    Parameters
    ----------
    data
        The photos, sorted by class: a folder, zip archive, CSV manifest or IDX folder.
    out
        The bundle's folder; `./NAME-model` for None.
    trunk
        The pretrained network: `efficientnet_lite0`, also with `_192`, `_160` or `_128`; a bundle, or a
        `.tflite` file.
    cut
        The name of the tensor that is the embedding; None for the last pooled one before the classes.
    value_range
        What pixels 0 and 255 become, for a bare trunk whose file does not say.
    negatives
        A folder of photos of other things, which are to be unknown.
    flip
        Whether a mirrored photo shows the same class.
    seed
        Draws the folds and the photos of the learning curve.
    layout
        What the folders of the data are: `splits` with classes inside, `classes`, or `auto`.
    allowed_drop
        How many points of top-1 int8 may lose against float32.
    say
        Called with each line of progress, such as `print`.

    Raises
    ------
    DataError, ModelError, OutputError, GateError, OptionError
        Each with one clear line.
    """
    request = Request(
        str(trunk),
        cut,
        Given(value_range=value_range),
        None if negatives is None else Path(negatives),
        flip,
        seed,
        layout,
        allowed_drop,
        say=say,
    )
    return learn_bundle(data, None if out is None else Path(out), request)
