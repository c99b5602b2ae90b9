"""The settings of a trained network, for a recipe that starts from its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.errors import RecipeError
from edgecnn.io.json_text import to_json
from edgecnn_train.recipe import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Mapping


def adopted(start: str) -> list[str]:
    """Return the family, filters, color and all else that shapes a bundle's network, as `--set` takes them.

    Raises ModelNotFound, or RecipeError where the bundle does not have them.
    """
    if start.endswith(".keras"):
        raise RecipeError(f"--adopt needs a bundle, and {start} is a .keras file, which has no settings")
    manifest: Mapping[str, Any] = read_bundle(find(start)).manifest.document
    try:
        table, color = manifest["recipe"]["model"], manifest["input"]["color"]
        # Bundles from before there were trunks do not name one.
        settings = {"trunk": "none"} | {k: table[k] for k in ModelSpec.__dataclass_fields__ if k in table}
        settings.pop("dropout", None)  # depends on the amount of data, and shapes nothing
    except (KeyError, TypeError) as error:
        raise RecipeError(
            f"{start} was not trained by edgecnn, and does not name the family of its network: "
            "start from a bundle that edgecnn train made"
        ) from error
    # JSON's numbers, texts, lists and truth values are TOML's too.
    return [
        *(f"model.{key}={to_json(value)}" for key, value in settings.items()),
        f"input.color={to_json(color)}",
    ]
