"""The things of the synthetic camera: colored solids, in cm, that stand on z = 0."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.camera.handwriting import smooth_line
from edgecnn.camera.mesh import Mesh, both_sides, faces, join, revolve, surface, tube

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Colors are BGR.
_WHITE, _BROWN = (238, 240, 242), (40, 70, 104)


@cache
def make_thing(name: str) -> Mesh:
    """Return the solid of a name in `THINGS`."""
    return _MAKERS[name]()


def _apple() -> Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 21)
    radius = 4.3 * np.cos(angle) * (1 + 0.12 * np.sin(angle))
    dents = 1.5 * np.exp(-((radius / 1.3) ** 2)) * np.sign(angle)
    height = 3.9 * np.sin(angle) - dents
    profile = np.stack([radius, height - height.min()], axis=1)
    around = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    blush = (0.5 + 0.5 * np.cos(around + 0.6))[None, :, None] ** 2 * np.linspace(0.35, 0.8, 20)[:, None, None]
    color = np.array((38, 30, 186)) * (1 - blush) + np.array((70, 170, 214)) * blush
    stem = tube([(0, 5.6), (0.05, 6.8), (0.3, 7.8), (0.8, 8.6)], [0.26, 0.22, 0.22, 0.0], _BROWN)
    return join(revolve(profile, color, 0.55), stem)


def _ball() -> Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 21)
    profile = np.stack([4.8 * np.cos(angle), 4.8 * (1 + np.sin(angle))], axis=1)
    panels = np.array([(196, 92, 28), _WHITE, (40, 176, 246), _WHITE], float)
    colors = np.broadcast_to(panels[np.arange(32) // 4 % 4], (20, 32, 3)).copy()
    colors[[0, -1]] = _WHITE
    return revolve(profile, colors, 0.5)


def _banana() -> Mesh:
    bend = np.array([(-7.4, 5.0), (-5.6, 2.6), (-2.2, 1.75), (2.2, 1.8), (5.8, 3.6), (7.2, 5.6)])
    path = smooth_line(bend, 5)
    along = np.linspace(0, 1, len(path))
    radii = np.interp(along, [0, 0.06, 0.1, 0.28, 0.6, 0.86, 0.97, 1], [0, 0.5, 0.62, 1.6, 1.75, 1.2, 0.6, 0])
    middles = (along[1:] + along[:-1]) / 2
    color = np.where(((middles < 0.07) | (middles > 0.95))[:, None], (38, 66, 84), (58, 204, 240))[:, None]
    ridges = 1 - 0.08 * (np.arange(15) % 3 == 0)[None, :, None]
    return tube(path, radii, color * ridges, 0.25, segments=15)


def _book() -> Mesh:
    cover, pages, title = (92, 66, 34), (196, 222, 236), (128, 214, 232)
    sides = faces(11, 15, 2.8)
    parts = [face.rectangle(0, 0, 1, 1, cover, 0) for face in sides.values()]
    for name in ("front", "back", "right"):
        parts.append(sides[name].rectangle(0.02, 0.12, 0.98, 0.88, pages))
        parts += [
            sides[name].rectangle(0.02, v, 0.98, v + 0.03, (164, 192, 208)) for v in (0.24, 0.38, 0.55, 0.71)
        ]
    top = sides["top"]
    parts += [top.rectangle(0.08, 0, 0.1, 1, (64, 44, 20)), top.rectangle(0.22, 0.78, 0.86, 0.9, title)]
    parts += [top.rectangle(0.3, 0.68, 0.78, 0.73, title), top.rectangle(0.36, 0.1, 0.72, 0.16, title)]
    parts += [top.disc(0.54, 0.42, 2.6, (64, 96, 226)), top.disc(0.54, 0.42, 1.5, (120, 190, 244))]
    return join(*parts)


def _bottle() -> Mesh:
    shoulder = smooth_line(np.array([(3.2, 8.4), (2.9, 9.6), (1.9, 11.0), (1.3, 12.0), (1.2, 13.0)]), 3)
    body = [(0, 0), (2.9, 0), (3.2, 0.5), (3.2, 2.0), (3.2, 3.5), (3.2, 5.0), (3.2, 6.2), (3.2, 7.4)]
    cap = [(1.5, 13.1), (1.5, 14.0), (1.5, 14.9), (0, 15.0)]
    glass, label = (104, 132, 22), [_WHITE, (60, 78, 222), (60, 78, 222), _WHITE]
    rows = [*[glass] * 3, *label, *[glass] * len(shoulder), *[(44, 44, 52)] * len(cap)]
    return revolve([*body, *shoulder.tolist(), *cap], np.array(rows, float)[:, None], 0.8)


def _box() -> Mesh:
    card, tape = (110, 158, 194), (152, 190, 212)
    sides = faces(11.5, 8.5, 7.5)
    parts = [face.rectangle(0, 0, 1, 1, card, 0) for face in sides.values()]
    parts.append(sides["top"].rectangle(0, 0.38, 1, 0.62, tape))
    parts += [sides[name].rectangle(0.38, 0.72, 0.62, 1, tape) for name in ("left", "right")]
    for name in ("front", "back"):
        parts.append(sides[name].rectangle(0.1, 0.25, 0.6, 0.82, _WHITE))
        parts += [
            sides[name].rectangle(0.15, v, right, v + 0.07, (70, 70, 74))
            for v, right in ((0.68, 0.5), (0.54, 0.4), (0.34, 0.55))
        ]
        parts.append(sides[name].disc(0.8, 0.4, 0.8, (60, 60, 190)))
    return join(*parts)


def _cup() -> Mesh:
    outer = [
        (0, 0), (2.6, 0), (3.0, 0.4), (3.4, 1.9), (3.65, 3.4), (3.85, 4.9), (4.0, 6.4), (4.1, 7.9),
        (4.0, 8.3),
    ]  # fmt: skip
    inner = [(4.0, 8.3), (3.75, 8.2), (3.65, 7.3), (3.5, 6.4)]
    red = (46, 38, 196)
    rows = [*[red] * 3, _WHITE, *[red] * 3, _WHITE]
    angle = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 13)
    handle = np.stack([3.65 + 2.7 * np.cos(angle) + 0.25 * np.sin(angle), 4.5 + 2.5 * np.sin(angle)], axis=1)
    return join(
        revolve(outer, np.array(rows, float)[:, None], 0.6),
        revolve(inner, _WHITE, 0.3),
        revolve([(3.5, 6.4), (0, 6.4)], (24, 38, 62), 0.1),
        tube(handle, np.full(13, 0.55), red, 0.6),
    )


def _leaf() -> Mesh:
    def place(along: Floats, across: Floats, lift: float = 0.0) -> Floats:
        """Return the points of the blade: 0 to 1 from stalk to tip, −1 to 1 from edge to edge."""
        half = 4.6 * np.sin(np.pi * along**0.75) ** 0.9 * (1 + 0.04 * np.sin(along * 75))
        z = 0.6 + 5.0 * (along - 0.42) ** 2 + 1.5 * across**2 * half / 4.6 + lift
        return np.stack([15.5 * (along - 0.5), across * half, z], axis=-1)

    def strip(along: Floats, across: Floats, width: Floats) -> Mesh:
        edges = [place(along + side * width, across) for side in (0.5, -0.5)]
        return surface(np.stack(edges), (110, 196, 160), layer=1)

    along, across = np.linspace(0, 1, 31), np.linspace(-1, 1, 9)
    shades = np.outer(1 - 0.12 * np.abs(across[1:] + across[:-1]), np.linspace(1, 0.8, 30))
    blade = surface(place(*np.meshgrid(along, across)), np.array((50, 142, 66)) * shades[..., None], 0.2)
    out = np.linspace(0, 0.85, 5)
    veins = [
        strip(start + 0.13 * out, side * out, 0.014 * (1.2 - out) * side)
        for start in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7) for side in (1, -1)
    ]  # fmt: skip
    rib = surface(np.stack([place(along, np.full(31, v)) for v in (-0.05, 0.05)]), (110, 196, 160), layer=1)
    stalk = tube([(-10.6, 3.1), (-9.2, 2.3), (-7.4, 1.5)], [0.12, 0.24, 0.2], (84, 168, 140), segments=6)
    return join(*map(both_sides, (blade, rib, *veins)), stalk)


_MAKERS: dict[str, Callable[[], Mesh]] = {
    "apple": _apple,
    "ball": _ball,
    "banana": _banana,
    "book": _book,
    "bottle": _bottle,
    "box": _box,
    "cup": _cup,
    "leaf": _leaf,
}
