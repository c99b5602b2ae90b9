"""Finds classes and splits in a tree of folders: `<class>/*` or `<split>/<class>/*`.

Splits are recognized by their names in many spellings, and only where they contain class folders. Folders
that look like splits but are not understood are refused: a model of the classes "train" and "test" is of no
use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edgecnn.errors import DataError
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SplitName = Literal["train", "validation", "test"]
LayoutName = Literal["auto", "splits", "classes"]
Parts = tuple[str, ...]

_SPLITS: dict[str, SplitName] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_ORDER: tuple[SplitName, ...] = ("train", "validation", "test")
_SUFFIXES = frozenset({"set", "data", "dataset", "images", "image", "imgs", "img", "split", "samples"})
_JOINED = re.compile(r"(.+?)(set|data)")
# Names of folders next to splits, or of unknown kinds of splits.
_LIKE_SPLIT = re.compile(r"(train|test|val|eval|dev|holdout|fold|split|pred|unseen|unlabel).*")
_UNLABELLED = re.compile(r"pred.*|predict.*|unlabel.*|unseen")
_SHOWN = 6


def split_of(name: str) -> SplitName | None:
    """Return the split of a folder's name, such as `train`, `Testing`, `training_set`, `seg_train`."""
    words = _words(name)
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    if not words:
        return None
    joined = _JOINED.fullmatch(words[-1])
    return _SPLITS.get(words[-1]) or (_SPLITS.get(joined[1]) if joined else None)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain_name(name).casefold())


@dataclass(slots=True)
class Node:
    """A folder: the number of images directly in it and in all below it, and its subfolders."""

    images: int = 0
    total: int = 0
    folders: dict[str, Node] = field(default_factory=dict)

    @property
    def filled(self) -> dict[str, Node]:
        """The subfolders with images anywhere below them."""
        return {name: node for name, node in self.folders.items() if node.total}

    @property
    def nested(self) -> bool:
        """Whether it has images in its subfolders only."""
        return not self.images and self.total > 0


def make_tree(counts: Mapping[str, int], empty: Iterable[str]) -> Node:
    """Build a tree from folder paths with their numbers of images, and from paths without images."""
    root = Node()
    for path, count in (*counts.items(), *((path, 0) for path in empty)):
        node = root
        node.total += count
        for part in path.split("/") if path else ():
            node = node.folders.setdefault(part, Node())
            node.total += count
        node.images += count
    return root


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """How a tree of folders is read.

    Attributes
    ----------
    root
        The common parent folder; without splits, the folder of the classes.
    splits
        The folders with the classes of a split, and that split; empty without splits.
    left_out
        Folders next to the splits with images but without classes.
    doubtful
        Without splits: the classes, where all contain the same folders, as splits with unknown names would.
    """

    root: Parts
    splits: dict[Parts, SplitName]
    left_out: tuple[Parts, ...] = ()
    doubtful: tuple[str, ...] = ()

    def place(self, parts: Parts) -> tuple[str, SplitName | None] | None:
        """Return the class and split of a path's parts; None for what lies in no class."""
        if not self.splits:
            at, split = len(self.root), None
        else:
            found = next((p for p in self.splits if parts[: len(p)] == p), None)
            if found is None:
                return None
            at, split = len(found), self.splits[found]
        return (plain_name(parts[at]), split) if len(parts) > at + 1 else None

    def describe(self, source: str) -> str:
        """Return a note on which folders are read as splits; "" where none is needed."""
        if self.doubtful:
            return (
                f"{source}: reads {_listed(self.doubtful)} as classes, though they contain the same folders: "
                "if they are splits, call them train, val and test"
            )
        if not self.splits:
            return ""
        ordered = sorted(self.splits.items(), key=lambda pair: _ORDER.index(pair[1]))
        found = ", ".join(f"{'/'.join(path)} ({split})" for path, split in ordered)
        rest = f"; left out {_listed(['/'.join(p) for p in self.left_out])}, no classes in it"
        return (
            f"{source}: splits by folder: {found}{rest if self.left_out else ''} "
            "(--layout classes reads each folder as a class)"
        )


def read_layout(tree: Node, source: str, wanted: LayoutName = "auto") -> FolderLayout:
    """Detect splits and classes. Raises DataError for folders that look like splits but are unclear."""
    root, node = _unwrapped(tree, wanted)
    if wanted == "classes":
        return FolderLayout(root, {})
    filled = node.filled
    named = {name: split for name in filled if (split := split_of(name))}
    inner = {name: _unfolded(filled[name], (*root, name), split) for name, split in named.items()}
    nested = {name: place for name, place in inner.items() if not _is_flat(place[1])}
    others = [name for name in filled if name not in nested]
    if wanted == "splits":
        if not nested:
            raise _unclear(node, source, "no folder called train, val or test that holds folders of classes")
        return _layout(root, nested, named, others, source)
    if not nested:
        likes = [n for n in filled if any(map(_LIKE_SPLIT.fullmatch, _words(n))) and filled[n].nested]
        if len(set(named.values())) > 1 or len(likes) > 1:
            raise _unclear(node, source, "folders that look like splits, but not with classes inside")
        return FolderLayout(root, {}, doubtful=_alike(filled))
    foreign = [n for n in others if n not in named and not _is_unlabelled(n, filled[n])]
    if foreign:
        neighbors = _listed(sorted(nested))
        raise _unclear(node, source, f"{foreign[0]!r} is next to {neighbors}")
    flat = [n for n in others if n in named]
    if flat and "train" not in {named[n] for n in nested}:
        raise _unclear(node, source, f"{flat[0]!r} has no folders of classes in it")
    return _layout(root, nested, named, others, source)


_Place = tuple[Parts, Node]


def _layout(
    root: Parts, nested: dict[str, _Place], named: dict[str, SplitName], others: list[str], source: str
) -> FolderLayout:
    places = _unwrapped_all(nested)
    splits: dict[Parts, SplitName] = {}
    for name, (path, node) in places.items():
        if named[name] in splits.values():
            raise DataError(f"{source}: {name!r} is a second folder for the {named[name]} split: {_CURE}")
        if odd := [n for n, inside in node.filled.items() if split_of(n) and inside.nested]:
            raise DataError(f"{source}: {'/'.join(path)} has {odd[0]!r} next to its classes: {_CURE}")
        splits[path] = named[name]
    _check_shared(places, named, source)
    return FolderLayout(root, splits, tuple((*root, name) for name in others))


_CURE = (
    "expected folders of classes, or train, val and test with the classes inside: rename or move it, or say "
    "what it is with --layout classes or --layout splits"
)


def _check_shared(places: dict[str, _Place], named: dict[str, SplitName], source: str) -> None:
    """Raise DataError for splits without a common class: the folders in one of them are not classes."""
    train = next((n for n in places if named[n] == "train"), None)
    for name, (path, node) in places.items():
        if train is None or name == train:
            continue
        known = {plain_name(n) for n in places[train][1].folders}
        here = [plain_name(n) for n in node.filled]
        if not known.intersection(here):
            first = "/".join(places[train][0])
            raise DataError(
                f"{source}: {'/'.join(path)} has the folders {_listed(sorted(here))}, and "
                f"{first} has {_listed(sorted(known))}: expected the same classes in both"
            )


def _unwrapped(tree: Node, wanted: LayoutName) -> _Place:
    """Descend through single parent folders, as in archives."""
    path: Parts = ()
    while len(tree.folders) == 1:
        [(name, inside)] = tree.folders.items()
        if not inside.nested or (wanted != "classes" and split_of(name)):
            break
        path, tree = (*path, name), inside
    return path, tree


def _unfolded(node: Node, path: Parts, split: SplitName) -> _Place:
    """Descend from a split's folder into one nested folder: `train/train`."""
    while not node.images and len(node.filled) == 1:
        [(name, inside)] = node.filled.items()
        if split_of(name) != split:
            break
        path, node = (*path, name), inside
    return path, node


def _unwrapped_all(places: dict[str, _Place]) -> dict[str, _Place]:
    """Descend where every split has its classes in one nested folder: `train/images/<class>`."""
    while all(len(node.filled) == 1 and not node.images for _, node in places.values()):
        inside = {
            key: ((*path, name), inner)
            for key, (path, node) in places.items()
            for name, inner in node.filled.items()
        }
        if not all(node.nested for _, node in inside.values()):
            break
        places = inside
    return places


def _alike(folders: dict[str, Node]) -> tuple[str, ...]:
    """Return the names of folders that all contain the same two or more folders and no images."""
    inside = {frozenset(map(plain_name, node.filled)) for node in folders.values()}
    same = len(folders) > 1 and len(inside) == 1 and len(next(iter(inside))) > 1
    return tuple(sorted(folders)) if same and all(node.nested for node in folders.values()) else ()


def _is_flat(node: Node) -> bool:
    """Whether a folder's images are directly in it, not in class folders; a few strays do not count."""
    return not node.filled or (node.images > 0 and len(node.filled) < 2)


def _is_unlabelled(name: str, node: Node) -> bool:
    """Whether a folder has unlabelled images to predict, as in some datasets: `seg_pred/seg_pred/*`."""
    return any(map(_UNLABELLED.fullmatch, _words(name))) and len(node.filled) < 2


def _unclear(node: Node, source: str, why: str) -> DataError:
    seen = [
        f"{name} ({f'{inside.images:,} images' if inside.images else f'{len(inside.filled)} folders'})"
        for name, inside in sorted(node.filled.items())
    ]
    return DataError(f"{source}: {why}; found {_listed(seen)}; {_CURE}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_SHOWN]) + (f" and {len(every) - _SHOWN:,} more" if len(every) > _SHOWN else "")
