"""What decoding JPEGs small does to the answers for real photos.

    python benchmarks/photos.py --data ../shared/data [--models ../shared/models] [--limit N]
    python benchmarks/photos.py --photos FOLDER --model FILE.tflite [--labels FILE]

Each photo is decoded in full, as `edgecnn` decodes it, and as it did before: to just above the model's side.
The first form takes cats and dogs (pets.zip) and waste (trashnet.zip) through models that know them, and
through two MobileNets of ImageNet, where any breed counts. Photos of 320 pixels are never decoded smaller for
224×224; so the MobileNets also see them shrunk to 56×56, as a network of that side would, and enlarged again.

*Differ* are the answers that differ from those of full decoding. `area` is full decoding with another exact
way of shrinking: what the model's own uncertainty comes to.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

import edgecnn
from edgecnn.classify.classifier import DECODED_SIDES
from edgecnn.dataset import open_source
from edgecnn.evaluation.evaluate import choose, match_labels, select
from edgecnn.image.preprocess import Preprocessor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Item, Source

    Right = Callable[[Item, int], bool]

# Of ImageNet's 1,001 classes, the first of which is the background.
BREEDS = {"cat": range(282, 287), "dog": range(152, 270)}
MOBILENETS = ("mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq")
SMALL_SIDE = 56
WAYS = ("full", "reduced", "before", "area")


@dataclass(frozen=True)
class Eye:
    """What classifies photos: a classifier that sees them at its own side, or at a smaller one."""

    classifier: Classifier
    side: int

    def __call__(self, photo: NDArray[np.uint8], method: str | None = None) -> int:
        """Return the number of the best class."""
        own = self.classifier.model.input
        if self.side == own.width and method is None:
            return self.classifier.classify(photo, 1)[0].index
        spec = own._replace(width=self.side, height=self.side, resize=method or own.resize)
        seen = Preprocessor(spec, self.classifier.model.file.inputs[0]).pixels(photo)
        if spec.color == "rgb":
            seen = cv2.cvtColor(seen, cv2.COLOR_RGB2BGR)
        full = cv2.resize(seen, (own.width, own.height), interpolation=cv2.INTER_CUBIC)
        return self.classifier.classify(full, 1)[0].index


def answers(eye: Eye, source: Source, item: Item) -> tuple[dict[str, int], bool]:
    """Return the best class of a photo by each way, and whether `reduced` decoded it smaller."""
    photos = {
        "full": source.read(item),
        "reduced": source.read(item, DECODED_SIDES * eye.side),
        "before": source.read(item, eye.side),
    }
    known: dict[Any, int] = {}
    for photo in photos.values():
        if photo.shape not in known:
            known[photo.shape] = eye(photo)
    found = {way: known[photo.shape] for way, photo in photos.items()}
    found["area"] = eye(photos["full"], "area")
    return found, photos["reduced"].shape != photos["full"].shape


def row(name: str, eye: Eye, source: Source, items: Sequence[Item], right: Right | None) -> str:
    """Return a row of the table; without `right` the true labels are unknown."""
    hits: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    smaller = 0
    for item in items:
        found, less = answers(eye, source, item)
        smaller += less
        hits.update(way for way in WAYS if right and right(item, found[way]))
        differ.update(way for way in WAYS if found[way] != found["full"])
    count = len(items)
    shares = " | ".join(f"{hits[way] / count:.1%}" if right else "" for way in WAYS)
    others = " | ".join(f"{differ[way] / count:.1%}" for way in WAYS[1:])
    return f"| {name} | {eye.side}×{eye.side} | {count:,} | {smaller:,} | {shares} | {others} |"


def own_right(classifier: Classifier, source: Source, data: str) -> Right:
    """Return what is right where data and model name their classes alike."""
    classes = match_labels(source.labels, classifier.labels, classifier.model.name, data)
    return lambda item, answer: answer == classes[item.label]


def table(arguments: argparse.Namespace) -> None:
    """Print a row for each model and set of photos."""
    pets, waste = (open_source(arguments.data / f"{name}.zip") for name in ("pets", "trashnet"))
    all_pets = choose(pets.items, arguments.limit)
    all_waste = choose(waste.items, arguments.limit)
    for name in MOBILENETS:
        coral = arguments.models / "coral"
        with edgecnn.load(coral / f"{name}.tflite", labels=coral / "imagenet_labels.txt") as classifier:
            for side in (classifier.model.input.width, SMALL_SIDE):
                eye = Eye(classifier, side)

                def right(item: Item, answer: int) -> bool:
                    return answer in BREEDS[pets.labels[item.label]]

                print(row(f"pets, {name}", eye, pets, all_pets, right), flush=True)
            eye = Eye(classifier, classifier.model.input.width)
            print(row(f"trashnet, {name}", eye, waste, all_waste, None), flush=True)
    for name, source, items in (
        ("cifar10", pets, all_pets),
        ("waste", waste, choose(select(waste.items, "test"), arguments.limit)),
    ):
        with edgecnn.load(name) as classifier:
            eye = Eye(classifier, classifier.model.input.width)
            right_label = own_right(classifier, source, name)
            data = "pets" if source is pets else "trashnet's test"
            print(row(f"{data}, `{name}`", eye, source, items, right_label), flush=True)


def own(arguments: argparse.Namespace) -> None:
    """Print the row of the user's own photos and model."""
    source = open_source(arguments.photos)
    with edgecnn.load(arguments.model, labels=arguments.labels) as classifier:
        eye = Eye(classifier, classifier.model.input.width)
        right = own_right(classifier, source, str(arguments.photos))
        items = choose(source.items, arguments.limit)
        print(row(f"{arguments.photos.name}, {classifier.model.name}", eye, source, items, right))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="where pets.zip and trashnet.zip lie")
    parser.add_argument("--models", type=Path, help="the folder with coral/ and its two MobileNets")
    parser.add_argument("--photos", type=Path, help="photos of your own, in a folder for each class")
    parser.add_argument("--model", help="what classifies them")
    parser.add_argument("--labels", help="its labels, where it brings none")
    parser.add_argument("--limit", type=int, help="at most so many photos")
    arguments = parser.parse_args()
    if not (arguments.data or (arguments.photos and arguments.model)):
        parser.error("give --data, or --photos with --model")
    print(f"| photos, model | seen at | photos | decoded smaller | right: {' | '.join(WAYS)} "
          f"| differ: {' | '.join(WAYS[1:])} |")  # fmt: skip
    print("|---" * (4 + 2 * len(WAYS) - 1) + "|")
    if arguments.data:
        arguments.models = arguments.models or arguments.data.parent / "models"
        table(arguments)
    if arguments.photos and arguments.model:
        own(arguments)


if __name__ == "__main__":
    main()
