"""`edgecnn inspect`: describe a model file without running it."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.inspect_print import print_inspection
from edgecnn.cli.options.model import BareFileOptions, VariantOption
from edgecnn.cli.options.output import JsonOption
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import open_console

app = make_app()

EXAMPLES = (
    "edgecnn inspect digits --variant float32",
    "edgecnn inspect model.tflite --json model.json",
)


@command(app, examples=EXAMPLES)
def inspect(
    model: Annotated[str, typer.Argument(help="A .tflite file, or a bundle.", metavar="MODEL")],
    *,
    variant: VariantOption = None,
    bare: BareFileOptions,
    json_file: JsonOption = None,
) -> None:
    """Describe a model file: tensors, operators, cost, and how images would be prepared.

    The file is read and never run.
    """
    from edgecnn.bundle.bundle import find, read_bundle, read_file
    from edgecnn.exchange.inspection import inspect_bundle, inspect_model
    from edgecnn.io.output import write_text

    path, given = find(model), bare.given
    if path.is_dir():
        bundle = read_bundle(path)
        found = inspect_bundle(bundle, variant or bundle.default_variant(), given)
    else:
        found = inspect_model(read_file(path), str(path), given, path.parent)
    if json_file != "-":
        print_inspection(found, open_console(soft_wrap=True))
    if json_file:
        write_text(json_file, to_json(found.as_dict(), indent=1) + "\n")
