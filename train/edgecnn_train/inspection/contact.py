"""Chooses the images of the contact sheet of `edgecnn data check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn_train.sheet import Cell, SheetSection, drawable_labels

if TYPE_CHECKING:
    from edgecnn.dataset import Source
    from edgecnn_train.inspection.check import CheckReport

# How many classes, and how many images of a finding, are on the sheet.
_CLASSES = 48
_ON_SHEET = 20


def choose_sections(
    report: CheckReport, source: Source, seed: int
) -> tuple[list[SheetSection], dict[str, str]]:
    """Choose what the contact sheet shows: some of each class, then what was found."""
    seen, rng = report.seen, np.random.default_rng([seed, 500])
    names, legend = drawable_labels(seen.labels)

    def cell(places: tuple[int, ...], caption: str) -> Cell:
        return Cell(tuple(source.read(seen.items[p]) for p in places), caption)

    classes = seen.classes
    sections = []
    for k, name in list(enumerate(names))[:_CLASSES]:
        members = np.flatnonzero(classes == k)
        some = np.sort(rng.permutation(members)[:10]).tolist()
        sections.append(SheetSection(f"{name}: {len(members):,} images", tuple(cell((p,), "") for p in some)))
    looks = {s.image: s.looks_like for s in report.votes.suspects} if report.votes else {}
    for finding in report.findings:
        cells = []
        for places in finding.images[:_ON_SHEET]:
            shown = places[:5]
            caption = " | ".join(names[seen.items[p].label] for p in shown)
            if finding.kind == "swapped-labels":
                caption += f" - {names[looks[shown[0]]]}?"
            elif any(seen.items[p].split for p in shown):
                caption = " | ".join(f"{names[seen.items[p].label]} ({seen.items[p].split})" for p in shown)
            cells.append(cell(shown, caption))
        if cells:
            more = f" (the first {_ON_SHEET})" if len(finding.images) > _ON_SHEET else ""
            sections.append(SheetSection(f"{finding.kind}{more}", tuple(cells)))
    return sections, legend
