"""Builds manifests, changes them and writes them: the one place that knows how `bundle.json` is laid out.

A change gives another `Manifest`, checked as if it had been read; a value that can't be read back raises
BundleError. Unknown keys stay, at every level.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.manifest.reading import check_manifest
from edgecnn.bundle.manifest.record import FORMAT, MANIFEST
from edgecnn.errors import BundleError
from edgecnn.io.checked_json import Field, JsonError, parse_json
from edgecnn.io.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edgecnn.bundle.confidence import Confidence
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.bundle.manifest.record import Golden, Manifest, Variant

ZEROS = "0" * 64


def new_manifest(
    name: str, title: str, labels: Sequence[str], spec: InputSpec, variants: Iterable[Variant]
) -> Manifest:
    """Return the manifest of a new bundle."""
    return _checked(
        {
            "format": FORMAT,
            "name": name,
            "title": title,
            "task": "classification",
            "labels": list(labels),
            "input": {
                "width": spec.width,
                "height": spec.height,
                "color": spec.color,
                "fit": spec.fit,
                "resize": spec.resize,
                "range": [list(r) for r in spec.channel_ranges] or list(spec.value_range),
                **({"layout": spec.layout} if spec.layout != "nhwc" else {}),
                **({"background": spec.background} if spec.background != "white" else {}),
            },
            "variants": {v.name: _entry(v) for v in variants},
        }
    )


def with_variant(manifest: Manifest, variant: Variant, **extra: Any) -> Manifest:
    """Return a manifest with one more variant, or another one of that name; `extra` joins its entry."""
    return _changed(manifest, variants=_variants(manifest) | {variant.name: _entry(variant) | extra})


def with_accuracies(manifest: Manifest, top1: Mapping[str, float]) -> Manifest:
    """Return a manifest with the top-1 accuracies of some variants, 0 to 1."""
    variants = _variants(manifest)
    return _changed(
        manifest, variants=variants | {name: variants[name] | {"accuracy": a} for name, a in top1.items()}
    )


def with_golden(manifest: Manifest, golden: Golden) -> Manifest:
    """Return a manifest with recorded outputs."""
    return _changed(manifest, golden=golden._asdict())


def with_confidence(
    manifest: Manifest, confidence: Mapping[str, Confidence], nearness: str | None = None
) -> Manifest:
    """Return a manifest with temperatures and thresholds by variant, which share the background class.

    `nearness` is the name of the output that has the nearness, if the model has one.
    """
    background = next((c.background for c in confidence.values()), None)
    return _changed(
        manifest,
        confidence={
            "variants": {
                name: {"temperature": c.temperature, "threshold": c.threshold}
                | ({} if c.nearness is None else {"nearness": c.nearness})
                for name, c in confidence.items()
            },
            "unknown": {"background": None if background is None else manifest.labels[background]}
            | ({} if nearness is None else {"nearness": nearness}),
        },
    )


def with_sections(manifest: Manifest, **sections: Any) -> Manifest:
    """Return a manifest with these top-level keys, whose values are JSON's; the last ones of a new name."""
    return _changed(manifest, **sections)


def write_sealed(folder: Path, manifest: Manifest, digests: Mapping[str, str]) -> None:
    """Write `bundle.json` into a folder, with the SHA-256 of each of its files, and of itself.

    Its own digest is that of its text with zeros in the digest's place.
    """
    others = {key: value for key, value in manifest.document.items() if key != "files"}
    text = to_json(others | {"files": {**digests, MANIFEST: ZEROS}}, 1) + "\n"
    # The list is the last key, and the manifest the last of the list.
    head, tail = text.rsplit(ZEROS, 1)
    found = hashlib.sha256(text.encode()).hexdigest()
    (folder / MANIFEST).write_text(f"{head}{found}{tail}", "utf-8")


def _variants(manifest: Manifest) -> dict[str, Any]:
    return dict(manifest.document["variants"])


def _entry(variant: Variant) -> dict[str, Any]:
    said = variant._asdict()
    del said["name"]
    if variant.accuracy is None:
        del said["accuracy"]
    return said


def _changed(manifest: Manifest, **sections: Any) -> Manifest:
    return _checked({**manifest.document, **sections})


def _checked(document: Mapping[str, Any]) -> Manifest:
    """Return the manifest. Raises BundleError for a value that could not be read back."""
    try:
        # Through its text, so that tuples become lists.
        return check_manifest(Field("", parse_json(to_json(document).encode())), Path(MANIFEST))
    except JsonError as error:
        raise BundleError(f"no bundle can have this {MANIFEST}: {error}; choose another value") from error
