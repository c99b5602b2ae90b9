"""Networks that were trained before, as a teacher or as the initial weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import keras

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.errors import ModelNotFound, RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import TrainSpec

# The trained float network as Keras keeps it, in every bundle that this trainer writes.
NETWORK = "network.keras"


def load_network(name_or_path: str, image: InputSpec | None = None, classes: int = 0) -> Any:
    """Load a Keras network from a bundle or a `.keras` file.

    With `image` and `classes` it must take such images and have that many classes. Raises ModelNotFound or
    RecipeError.
    """
    path = Path(name_or_path)
    if path.suffix != ".keras":
        path = find(name_or_path) / NETWORK
    if not path.is_file():
        raise ModelNotFound(
            f"{path} is missing: a teacher or a start is a .keras file, or a bundle that has {NETWORK}"
        )
    try:
        network = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RecipeError(f"{path} is no Keras network that can be loaded: {error}") from error
    if image is not None:
        wanted = (None, image.height, image.width, 1 if image.color == "gray" else 3)
        if (network.input_shape, network.output_shape) != (wanted, (None, classes)):
            raise RecipeError(
                f"{path} takes {network.input_shape} and knows {network.output_shape[-1]} classes, "
                f"expected {wanted} and {classes}"
            )
    return network


def load_teacher(names_or_paths: Sequence[str], image: InputSpec, classes: int) -> Any:
    """Return a network that answers with the mean of all their probabilities (Hinton et al. 2015).

    It takes images as `image` says; a bundle that takes others gets them resized, in its color and range.
    None where there are no names. Raises as `load_network` does.
    """
    networks = [_teacher(each, image, classes) for each in names_or_paths]
    if len(networks) < 2:
        return networks[0] if networks else None
    images = keras.Input(networks[0].input_shape[1:])
    for number, each in enumerate(networks):
        each.name = f"teacher_{number}"  # those of one family have the same name
    # What our bundles hold answers with a list of one.
    answers = [keras.tree.flatten(each(images))[0] for each in networks]
    return keras.Model(images, keras.layers.average(answers))


def _teacher(name_or_path: str, image: InputSpec, classes: int) -> Any:
    if name_or_path.endswith(".keras"):  # which does not say what its numbers mean
        return load_network(name_or_path, image, classes)
    own = read_bundle(find(name_or_path)).input
    network = load_network(name_or_path, own, classes)
    if _shown(own) == _shown(image):
        return network
    x = inputs = keras.Input((image.height, image.width, 1 if image.color == "gray" else 3))
    low, high = image.value_range
    x = (x - low) / (high - low)
    if own.color != image.color:
        gray = own.color == "gray"
        x = keras.ops.image.rgb_to_grayscale(x) if gray else keras.ops.repeat(x, 3, axis=-1)
    x = keras.ops.image.resize(x, (own.height, own.width), antialias=True)
    low, high = own.value_range
    return keras.Model(inputs, keras.tree.flatten(network(x * (high - low) + low))[0])


def _shown(image: InputSpec) -> tuple[Any, ...]:
    return image.width, image.height, image.color, image.value_range


def take_over(model: Any, start: str, say: Callable[[str], None]) -> tuple[str, ...]:
    """Copy the weights of each layer that `start` has under the same name and in the same shape.

    Returns the names of those layers. Raises RecipeError where there are none.
    """
    trained = {layer.name: layer for layer in load_network(start).layers}
    taken, weighty = [], 0
    for layer in model.layers:
        weighty += bool(layer.weights)
        other = trained.get(layer.name)
        if layer.weights and other is not None:
            values = other.get_weights()
            if [v.shape for v in values] == [tuple(w.shape) for w in layer.weights]:
                layer.set_weights(values)
                taken.append(layer.name)
    if not taken:
        what = "use its family, filters and color"
        how = what if start.endswith(".keras") else f"add --adopt to {what}"
        raise RecipeError(f"nothing of {start} fits this network: {how}")
    say(f"took {len(taken)} of {weighty} layers from {start}")
    if 2 * len(taken) < weighty and not start.endswith(".keras"):
        say("more of them fit with --adopt, which uses its family, filters and color")
    return tuple(taken)


class Phase(NamedTuple):
    """Some epochs of a training: the last of them, the layers that are frozen, and the factor of the rate.

    `begun` epochs were an earlier phase's, where the optimizer starts again.
    """

    last: int
    frozen: tuple[str, ...]
    rate: float
    begun: int = 0


def phases(spec: TrainSpec, end: int, taken: tuple[str, ...], trunk: tuple[str, ...]) -> list[Phase]:
    """Return the phases of a training that ends after epoch `end`.

    Parameters
    ----------
    taken
        The layers that have their weights from `train.start`.
    trunk
        The layers of a trunk that have weights, from the input on. At first the head is trained alone, then
        the trunk from the top (Howard & Ruder 2018, section 3.3).
    """
    if trunk:
        fixed = round(spec.fixed * len(trunk))
        half = (fixed + len(trunk)) // 2
        rate = spec.trunk_rate
        found = [
            Phase(spec.freeze, trunk, 1.0),
            Phase(2 * spec.freeze, trunk[:half], rate, spec.freeze),
            Phase(end, trunk[:fixed], rate, 2 * spec.freeze),
        ]
        if fixed == len(trunk):
            found = [Phase(end, trunk, 1.0)]
    else:
        found = [Phase(spec.freeze, taken, 1.0), Phase(end, (), 1.0)]
    capped = [phase._replace(last=min(phase.last, end)) for phase in found]
    return [s for s, before in zip(capped, (0, *(c.last for c in capped)), strict=False) if s.last > before]


def freeze(model: Any, names: Collection[str]) -> None:
    """Exclude these layers from training, and include all others.

    The last layer is always trained: another dataset needs another one, even if its shape fits.
    """
    for layer in model.layers:
        layer.trainable = layer.name not in names or layer is model.layers[-1]
