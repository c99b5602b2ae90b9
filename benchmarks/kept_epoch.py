r"""Compare rules for which epoch's weights to keep, on small draws of a larger dataset.

    python benchmarks/kept_epoch.py --data ../shared/data/sign_digits.zip --classes 0,2,5 --draws 20 \
        --images 40 --keep /tmp/kept

Each draw takes `--images` images of each class as a user's folder, splits it as `edgecnn train` does
without folds, and trains the `photos` recipe on it; `--held` images of each class that are in no split are
held out and influence nothing. After every epoch the validation accuracy and loss and the accuracy on the
images held out are recorded, for the weights and for moving averages of them. A second network learns from
all images of the draw, as the one that is published does. Rules are then compared on these records: the mean
and the worst accuracy on the held-out images at the epoch that each would keep.

Draws are kept as JSON in `--keep`, so that a stopped run continues and rules can be tried again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DECAYS = (0.9, 0.97)
# The network that learns from all images is looked at this often, in epochs.
_EVERY = 10
Record = dict[str, Any]


def draw(path: Path, classes: list[str], images: int, held: int, seed: int, settings: list[str]) -> Record:
    """Train one draw twice and return its records."""
    from types import SimpleNamespace

    from edgecnn.dataset import open_source
    from edgecnn_train.data import PreparedImages, divide, read_images
    from edgecnn_train.recipe_file import read_recipe

    recipe = read_recipe("scratch", [f"train.seed={seed}", *settings])
    source = open_source(path)
    wanted = [source.labels.index(name) for name in classes]
    rng = np.random.default_rng([seed, 900])
    items: list[Any] = []
    for new, old in enumerate(wanted):
        own = [i for i in source.items if i.label == old and i.split in (None, "train")]
        chosen = rng.permutation(len(own))[: images + held]
        items += [_plain(own[k], new, "held" if n >= images else "") for n, k in enumerate(chosen)]
    few = SimpleNamespace(labels=tuple(classes), items=items, read=source.read)
    prepared = read_images(few, recipe, lambda _: None)  # type: ignore[arg-type]
    apart = np.array([i.group == "held" for i in prepared.whole.items])
    own = prepared.whole.take(np.flatnonzero(~apart))
    own_few = SimpleNamespace(labels=few.labels, items=list(own.items), read=few.read)
    test = prepared.whole.take(np.flatnonzero(apart))
    data = divide(own_few, PreparedImages(prepared.input, own, ()), recipe)  # type: ignore[arg-type]
    return {
        "validation_images": len(data.validation),
        "held_out": len(test),
        "split": trained(recipe, data.input, data.train, data.validation, test),
        "all": trained(recipe, data.input, own, None, test),
    }


def _plain(item: Any, label: int, group: str) -> Any:
    from dataclasses import replace

    return replace(item, label=label, split=None, group=group or None)


def trained(recipe: Any, image: Any, train: Any, validation: Any, held: Any) -> list[Record]:
    """Train on one split; return one record an epoch: with results for each kind of weights."""
    import keras

    from edgecnn_train.batches import Batches, scaled
    from edgecnn_train.fit import compile_network
    from edgecnn_train.models import build
    from edgecnn_train.optimize import optimizer

    spec = recipe.train
    keras.utils.set_random_seed(spec.seed)
    network = build(recipe.model, image, int(held.labels.max()) + 1)
    batches = Batches(train, recipe.augment, spec)
    compile_network(network, optimizer(spec, batches.steps), spec, batches)
    records: list[Record] = []
    averages = {decay: network.get_weights() for decay in DECAYS}
    parts = [held] if validation is None else [held, validation]
    images = scaled(np.concatenate([p.images for p in parts]))

    def judge(weights: Any) -> Record:
        network.set_weights(weights)
        scores = np.asarray(network.predict_on_batch(images))
        found = {"held": float(np.mean(scores[: len(held)].argmax(1) == held.labels))}
        if validation is not None:
            own, truth = scores[len(held) :], validation.labels
            likely = np.maximum(own[np.arange(len(truth)), truth], 1e-7)
            found["val_accuracy"] = float(np.mean(own.argmax(1) == truth))
            found["val_loss"] = float(-np.log(likely).mean())
        return found

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            weights = self.model.get_weights()
            for decay, kept in averages.items():
                averages[decay] = [decay * a + (1 - decay) * w for a, w in zip(kept, weights, strict=True)]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            if validation is None and (epoch + 1) % _EVERY and epoch + 1 < spec.epochs:
                return
            own = self.model.get_weights()
            kinds = {"weights": own} | {f"average {d:g}": a for d, a in averages.items()}
            records.append({kind: judge(weights) for kind, weights in kinds.items()})
            self.model.set_weights(own)

    network.fit(
        batches.epochs(), steps_per_epoch=batches.steps, epochs=spec.epochs, shuffle=False,
        callbacks=[Watch()], verbose=0,
    )  # fmt: skip
    return records


def wilson(top: float, count: int, z: float) -> float:
    """Return the lower end of Wilson's score interval."""
    middle = (top + z * z / (2 * count)) / (1 + z * z / count)
    return middle - z / (1 + z * z / count) * math.sqrt(top * (1 - top) / count + z * z / (4 * count * count))


def _last(records: Sequence[Record], images: int) -> int:  # noqa: ARG001
    return len(records) - 1


def _old(records: Sequence[Record], images: int) -> int:
    top = max(r["val_accuracy"] for r in records)
    near = top - math.sqrt(top * (1 - top) / images)
    return max(n for n, r in enumerate(records) if r["val_accuracy"] >= near)


def _within(z: float, *, by_loss: bool) -> Callable[[Sequence[Record], int], int]:
    def rule(records: Sequence[Record], images: int) -> int:
        near = wilson(max(r["val_accuracy"] for r in records), images, z)
        left = [n for n, r in enumerate(records) if r["val_accuracy"] >= near]
        return min(left, key=lambda n: (records[n]["val_loss"], -n)) if by_loss else max(left)

    return rule


def _best(records: Sequence[Record], images: int) -> int:  # noqa: ARG001
    return max(range(len(records)), key=lambda n: records[n]["held"])


RULES: dict[str, Callable[[Sequence[Record], int], int]] = {
    "one standard error, the last (before)": _old,
    "Wilson, z = 1, the last": _within(1.0, by_loss=False),
    "Wilson, z = 1.96, the last": _within(1.96, by_loss=False),
    "Wilson, z = 1, the lowest loss": _within(1.0, by_loss=True),
    "Wilson, z = 1.96, the lowest loss": _within(1.96, by_loss=True),
    "the last epoch": _last,
    "(the best on the held-out images)": _best,
}


def table(draws: Sequence[Record]) -> list[str]:
    """Return the lines of the comparison."""
    lines = [f"{'':44}{'mean':>8}{'worst':>8}{'epoch':>7}"]
    for kind in draws[0]["split"][0]:
        for name, rule in RULES.items():
            kept = []
            for each in draws:
                records = [epoch[kind] for epoch in each["split"]]
                place = rule(records, each["validation_images"])
                kept.append((records[place]["held"], place + 1))
            lines.append(_line(f"{kind}: {name}", kept))
    for kind in draws[0]["all"][0]:
        kept = [(each["all"][-1][kind]["held"], len(each["split"])) for each in draws]
        lines.append(_line(f"{kind}: learnt from all images, the last", kept))
    return lines


def _line(name: str, kept: Sequence[tuple[float, int]]) -> str:
    accuracies, epochs = zip(*kept, strict=True)
    return f"{name:58}{np.mean(accuracies):8.1%}{min(accuracies):8.1%}{np.mean(epochs):7.1f}"


def main() -> None:
    """Read the options, train what is not kept yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--classes", required=True, help="labels, with commas between them")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first draw, for several runs side by side")
    parser.add_argument("--images", type=int, default=40, help="of each class in a draw")
    parser.add_argument("--held", type=int, default=25, help="of each class, held out")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the draws that are done")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    options.keep.mkdir(parents=True, exist_ok=True)
    draws = []
    for number in range(options.first, options.first + options.draws):
        note = options.keep / f"draw-{number}.json"
        if not note.is_file():
            classes = options.classes.split(",")
            found = draw(options.data, classes, options.images, options.held, number, options.settings)
            note.write_text(json.dumps(found), "utf-8")
            print(f"draw {number} is done", flush=True)
        draws.append(json.loads(note.read_text("utf-8")))
    print("\n".join(table(draws)))


if __name__ == "__main__":
    main()
