"""Everything that writes bundles and files next to them, quickly: what the attacks on publishing call."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.bundle.input_spec import Given, InputSpec
from edgecnn.bundle.writer import write_models
from edgecnn.coral.compiling import compile_bundle
from edgecnn.exchange.importing import import_model
from edgecnn.report.publication import put_in_place
from edgecnn_train import publish
from edgecnn_train.work import clear_work, work_folder, working
from tests.models import compiled, shipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC = InputSpec(28, 28, "gray", "pad", "halved", (0.0, 1.0))


def train(out: Path, mark: str = "new", during: Callable[[], object] = lambda: None) -> None:
    """Write a bundle as training does, without training; `during` is called before it is put in place."""
    with publish.claim(out) as held, working(work_folder(out)) as work:
        (work / "last-1.npz").write_bytes(b"")
        with held.fill() as draft:
            labels = [str(i) for i in range(10)]
            draft.manifest = write_models(
                draft.folder, out.name, mark, labels, SPEC, {"int8": shipped("digits")}
            )
            (draft.folder / "CARD.md").write_text(f"# {mark}\n")
            (draft.folder / "training.png").write_bytes(b"\x89PNG")
            during()
            put_in_place(draft, out, f"<h1>{mark}</h1>", lambda _: None)
        clear_work(work)


def import_bundle(out: Path) -> None:
    """Import the shipped model."""
    before = os.environ.get("EDGECNN_MODELS")
    os.environ["EDGECNN_MODELS"] = str(out.parent)
    try:
        import_model(find("digits") / "int8.tflite", out.name, Given())
    finally:
        os.environ.pop("EDGECNN_MODELS")
        if before is not None:
            os.environ["EDGECNN_MODELS"] = before


@cache
def coral(version: int = 13) -> bytes:
    return compiled(shipped("digits"), version)


def compile_in_place(out: Path, elsewhere: Path) -> None:
    """Add a variant that was compiled elsewhere."""
    compile_bundle(out, compiled=elsewhere)


def compile_copy(out: Path, elsewhere: Path) -> None:
    """Write a copy with that variant."""
    compile_bundle(find("digits"), compiled=elsewhere, out=out)


def whole(folder: Path) -> str:
    """Assert that a folder is a whole bundle, every hash right; return its title, or `compiled`."""
    from edgecnn.bundle.owned_files import find_unowned

    bundle = read_bundle(folder)
    for variant in bundle.variants:
        bundle.read(variant)
    listed = bundle.manifest.document.get("files")
    if listed is not None:
        assert set(listed) == {p.name for p in folder.iterdir()}
        assert find_unowned(folder.resolve()) is None
    return "compiled" if "int8_edgetpu" in bundle.variants else bundle.title
