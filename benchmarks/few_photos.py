"""How good `learn` is with few photos, and what its models take for something they know.

    python benchmarks/few_photos.py --data pets.zip:5,20 --data trashnet.zip:20,50,all --seeds 0 1 2

Each set is a folder or zip archive of photos. For each number of photos a class and each seed, that many are
drawn for teaching; the other training photos are not used. The official test split tests, or without one all
photos that were not drawn: int8 through `edgecnn.Classifier`, and float32 of the same bundle. With several
sets, each model is also shown the test photos of the others: `named` is the share of these that gets a
class all the same, `rejected` the share of its own test photos that is called unknown.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import edgecnn
from edgecnn.dataset import open_source


class Set(NamedTuple):
    """A dataset: its name, its folder, and the numbers of photos a class to try; None for all."""

    name: str
    folder: Path
    sizes: list[int | None]


def parse_set(text: str, work: Path) -> Set:
    """Read `pets.zip:5,20`; an archive is unpacked into `work`."""
    path, _, sizes = text.rpartition(":")
    folder = Path(path)
    if folder.suffix == ".zip":
        with zipfile.ZipFile(folder) as archive:
            archive.extractall(work / folder.stem)
        folder = work / folder.stem
    return Set(folder.name, folder, [None if size == "all" else int(size) for size in sizes.split(",")])


def draw(data: Set, size: int | None, seed: int, manifest: Path) -> list[Path]:
    """Write a manifest with the photos that are drawn, and the test photos; return the latter."""
    source = open_source(data.folder)
    items, rng = source.items, np.random.default_rng(seed)
    official = any(item.split == "test" for item in items)
    pool = [k for k, item in enumerate(items) if item.split != "test"]
    labels = np.array([items[k].label for k in pool])
    drawn: set[int] = set()
    for label in range(len(source.labels)):
        own = np.array(pool)[labels == label]
        drawn |= set(rng.permutation(own)[:size].tolist())
    tested = [k for k, i in enumerate(items) if (i.split == "test" if official else k not in drawn)]
    with manifest.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        for k in sorted(drawn):
            rows.writerow((data.folder / items[k].id, source.labels[items[k].label], "train"))
        for k in tested:
            rows.writerow((data.folder / items[k].id, source.labels[items[k].label], "test"))
    return [data.folder / items[k].id for k in tested]


def share_known(classifier: edgecnn.Classifier, photos: list[Path]) -> float:
    """Return the share of photos that get a class."""
    return float(np.mean([classifier.knows(classifier.classify(str(photo))) for photo in photos]))


def main() -> None:
    """Measure every set with every size and seed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", action="append", required=True, metavar="PATH:SIZES")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--trunk", default="efficientnet_lite0")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        sets = [parse_set(text, work) for text in chosen.data]
        for data in sets:
            for size in data.sizes:
                measure(data, size, sets, chosen.seeds, chosen.trunk, work)


def measure(data: Set, size: int | None, sets: list[Set], seeds: list[int], trunk: str, work: Path) -> None:
    """Print the accuracy of one set with one number of photos, for each seed and in the mean."""
    rows = []
    for seed in seeds:
        manifest = work / f"{data.name}.csv"
        own = draw(data, size, seed, manifest)
        started = time.perf_counter()
        learned = edgecnn.learn(manifest, work / "model", trunk=trunk, seed=seed)
        seconds = time.perf_counter() - started
        judged = learned.judged
        row = {"int8": judged.top1, "float32": judged.float_top1 or np.nan}
        others = [other for other in sets if other is not data]
        if others:
            with edgecnn.load(learned.bundle) as classifier:
                row["rejected"] = 1 - share_known(classifier, own)
                for other in others:
                    photos = draw(other, None, 0, work / "other.csv")
                    row[f"named of {other.name}"] = share_known(classifier, photos)
        rows.append(row)
        shown = "  ".join(f"{key} {value:.2%}" for key, value in row.items())
        print(f"{data.name} {size or 'all'} seed {seed}: {shown}  ({seconds:.1f} s)", flush=True)
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    shown = "  ".join(f"{key} {value:.2%}" for key, value in means.items())
    print(f"{data.name} {size or 'all'} mean: {shown}", flush=True)


if __name__ == "__main__":
    main()
