"""Options that choose the pretrained network of `learn` and `teach`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from edgecnn.cli.options.model import RangeOption, parse_range
from edgecnn.cli.takes import options

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import Ranges


@options
class TrunkOptions:
    """The pretrained network that sees for the model."""

    heading: ClassVar = "Trunk"

    trunk: Annotated[
        str,
        typer.Option(
            help="Pretrained network: efficientnet_lite0, also with _192, _160 or _128 for smaller images; a "
            "bundle; or a .tflite file.",
            metavar="T",
        ),
    ] = "efficientnet_lite0"
    cut: Annotated[
        str | None,
        typer.Option(
            help="Tensor that is the embedding.",
            metavar="TENSOR",
            show_default="the last pooled one before the classes",
        ),
    ] = None
    value_range: RangeOption = None

    @property
    def range(self) -> Ranges | None:
        """What pixels 0 and 255 become; None where it is found in the file. Raises OptionError."""
        return parse_range(self.value_range)
