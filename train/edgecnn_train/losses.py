"""The loss that a recipe names, and distillation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.registry import LOSSES

if TYPE_CHECKING:
    from edgecnn_train.recipe import TrainSpec


def loss(spec: TrainSpec, sparse: bool) -> Any:
    """Return the recipe's loss, with a teacher as one part of `Distillation`.

    Parameters
    ----------
    sparse
        Whether targets are class numbers. Mixed or smoothed targets are distributions, for which a sparse
        loss is replaced by its twin.
    """
    truth = LOSSES[spec.loss if sparse else spec.loss.removeprefix("sparse_")]()
    return Distillation(truth, spec.distill, spec.temperature) if spec.teachers else truth


def focal() -> Any:
    """Return the focal loss (Lin et al. 2017), gamma 2, without the class weight alpha.

    It reduces the weight of images that are classified correctly already.
    """
    return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0)


@keras.saving.register_keras_serializable("edgecnn")
class Distillation(keras.losses.Loss):  # type: ignore[misc]
    """A weighted sum of the loss of the truth and of the teacher's softened answer (Hinton et al. 2015).

    `y_true` is N×2K: the truth, one-hot or mixed, then the teacher's probabilities at the temperature T.
    The teacher's part is T² times the cross-entropy, so that both parts keep their weight at any T.
    """

    def __init__(self, truth: Any, share: float, temperature: float, name: str = "distillation") -> None:
        super().__init__(name=name)
        self._truth, self._share, self._temperature = truth, share, temperature

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each image."""
        classes = y_pred.shape[-1]
        truth, teacher = y_true[:, :classes], y_true[:, classes:]
        soft = soften(y_pred, self._temperature)
        distance = keras.losses.categorical_crossentropy(teacher, soft)
        weight = self._share * self._temperature**2
        return (1 - self._share) * self._truth.call(truth, y_pred) + weight * distance

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {
            "truth": keras.saving.serialize_keras_object(self._truth),
            "share": self._share,
            "temperature": self._temperature,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Distillation:
        """Make the loss from `get_config`."""
        return cls(**(config | {"truth": keras.saving.deserialize_keras_object(config["truth"])}))


def soften(probabilities: Any, temperature: float) -> Any:
    """Return softmax(log p / T): what softmax gives for logits divided by T."""
    logits = keras.ops.log(keras.ops.maximum(probabilities, 1e-7))
    return keras.ops.softmax(logits / temperature, axis=-1)


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1 for each image whose best class is the true one; ignores what follows the K classes."""
    truth = y_true[:, : y_pred.shape[-1]]
    return keras.ops.cast(keras.ops.argmax(truth, -1) == keras.ops.argmax(y_pred, -1), "float32")


keras.saving.register_keras_serializable("edgecnn")(accuracy)
LOSSES.require()
