"""Small solids of colored quads: built from curves, and drawn as a camera sees them under a lamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# Quads are drawn at twice the size, and in 1/16 of its pixels.
_SCALE, _SHIFT = 2, 4
# How sharp a highlight is, and how bright (grey levels).
_SHARPNESS, _HIGHLIGHT = 28, 190
# The table darkens what is near it: by this share, down to 1/e at this height in cm.
_CONTACT, _CONTACT_CM = 0.4, 1.5


class Mesh(NamedTuple):
    """Quads with one color each; they are seen from the side where their corners run counterclockwise.

    Attributes
    ----------
    quads
        float64 (n, 4, 3): the corners in cm; z is up.
    colors
        float64 (n, 3): BGR, 0 to 255.
    gloss
        float64 (n,): the strength of highlights, 0 to 1.
    layer
        float64 (n,): 0, or 1 for what is painted on others.
    """

    quads: Floats
    colors: Floats
    gloss: Floats
    layer: Floats


class PinholeView(NamedTuple):
    """A pinhole camera: its place in cm, and the 3×4 matrix that maps homogeneous points to pixels."""

    eye: Floats
    matrix: Floats

    def project(self, points: Floats) -> Floats:
        """Return the pixels (…, 2) of points (…, 3)."""
        found = points @ self.matrix[:, :3].T + self.matrix[:, 3]
        return np.asarray(found[..., :2] / found[..., 2:])


class Lamp(NamedTuple):
    """A far lamp: the unit vector towards it, its color (BGR, about 1), and the share of ambient light."""

    direction: Floats
    color: Floats
    ambient: float


class Sprite(NamedTuple):
    """A drawn mesh: uint8 h×w×4, BGR already multiplied by alpha, and its place in the frame in pixels."""

    pixels: NDArray[np.uint8]
    left: int
    top: int


def join(*parts: Mesh) -> Mesh:
    """Return one mesh of several."""
    return Mesh(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def surface(points: ArrayLike, color: ArrayLike, gloss: float = 0.0, layer: int = 0) -> Mesh:
    """Return the quads between the points of a grid.

    Parameters
    ----------
    points
        (rows, columns, 3). It is seen from where columns run to the right and rows upwards.
    color
        BGR; one for all, or an array that broadcasts to (rows − 1, columns − 1, 3).
    """
    p = np.asarray(points, float)
    quads = np.stack([p[:-1, :-1], p[:-1, 1:], p[1:, 1:], p[1:, :-1]], axis=2)
    colors = np.broadcast_to(np.asarray(color, float), (*quads.shape[:2], 3)).reshape(-1, 3)
    return Mesh(
        quads.reshape(-1, 4, 3), colors, np.full(len(colors), gloss), np.full(len(colors), float(layer))
    )


def both_sides(mesh: Mesh) -> Mesh:
    """Return a mesh that is seen from behind too."""
    return join(mesh, mesh._replace(quads=mesh.quads[:, ::-1]))


def revolve(profile: ArrayLike, color: ArrayLike, gloss: float = 0.0, segments: int = 32) -> Mesh:
    """Return the surface that a profile of points (radius, z) makes as it turns around the z axis.

    It is seen from outside where the profile rises, and from inside where it falls.
    """
    radius, z = np.asarray(profile, float).T
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    return surface(np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=2), color, gloss)


def tube(path: ArrayLike, radii: ArrayLike, color: ArrayLike, gloss: float = 0.0, segments: int = 10) -> Mesh:
    """Return a tube along points (x, z) in the plane y = 0, with a radius at each of them."""
    x, z = np.asarray(path, float).T
    along = np.stack([np.gradient(x), np.gradient(z)], axis=1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    across, around = np.cos(angle), np.sin(angle)
    radius = np.asarray(radii, float)[:, None]
    points = np.stack(
        [
            x[:, None] - radius * around * along[:, 1:],
            radius * across,
            z[:, None] + radius * around * along[:, :1],
        ],
        axis=2,
    )
    return surface(points, color, gloss)


class Face(NamedTuple):
    """A face of a box: its lower left corner as seen from outside, and its lower and left edge, in cm."""

    corner: Floats
    right: Floats
    up: Floats

    def rectangle(
        self, left: float, bottom: float, right: float, top: float, color: ArrayLike, layer: int = 1
    ) -> Mesh:
        """Return a rectangle on the face, whose places are 0 to 1 in both directions."""
        u, v = np.linspace(left, right, 4), np.linspace(bottom, top, 4)
        points = self.corner + u[None, :, None] * self.right + v[:, None, None] * self.up
        return surface(points, color, layer=layer)

    def disc(self, u: float, v: float, radius: float, color: ArrayLike) -> Mesh:
        """Return a disc on the face; its radius is in cm."""
        angle = np.linspace(0, 2 * np.pi, 25)[None, :, None]
        right, up = (edge / np.linalg.norm(edge) * radius for edge in (self.right, self.up))
        ring = np.cos(angle) * up + np.sin(angle) * right
        middle = self.corner + u * self.right + v * self.up
        return surface(middle + np.array([0.0, 1.0])[:, None, None] * ring, color, layer=1)


def faces(width: float, depth: float, height: float) -> dict[str, Face]:
    """Return the faces of a box that stands on z = 0, around the z axis; its front is towards −y."""
    x, y = width / 2, depth / 2
    found = {
        "top": ((-x, -y, height), (width, 0, 0), (0, depth, 0)),
        "bottom": ((-x, y, 0), (width, 0, 0), (0, -depth, 0)),
        "front": ((-x, -y, 0), (width, 0, 0), (0, 0, height)),
        "back": ((x, y, 0), (-width, 0, 0), (0, 0, height)),
        "left": ((-x, y, 0), (0, -depth, 0), (0, 0, height)),
        "right": ((x, -y, 0), (0, depth, 0), (0, 0, height)),
    }
    return {name: Face(*(np.array(edge, float) for edge in face)) for name, face in found.items()}


def draw(mesh: Mesh, view: PinholeView, lamp: Lamp, frame: tuple[int, int]) -> Sprite | None:
    """Draw a mesh as a camera sees it, with smooth edges.

    Returns None if nothing of it is seen in a frame of (width, height) pixels.
    """
    middle = mesh.quads.mean(axis=1)
    toward = view.eye - middle
    distance = np.linalg.norm(toward, axis=1)
    normal = _normals(mesh.quads)
    seen = np.flatnonzero((normal * toward).sum(axis=1) > 0)
    if not len(seen):
        return None
    # Far ones first; the solids are convex enough for that.
    seen = seen[np.lexsort((-distance[seen], mesh.layer[seen]))]
    pixels = view.project(mesh.quads[seen])
    low = np.maximum(np.floor(pixels.min(axis=(0, 1))) - 1, 0).astype(int)
    high = np.minimum(np.ceil(pixels.max(axis=(0, 1))) + 2, frame).astype(int)
    if (low >= high).any():
        return None
    colors = _shaded(mesh, seen, normal, toward / distance[:, None], middle[:, 2], lamp)
    width, height = _SCALE * (high - low)
    canvas = np.zeros((height, width, 4), np.uint8)
    corners = np.rint((pixels - low) * (_SCALE << _SHIFT)).astype(np.int32)
    for polygon, color in zip(corners, colors.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, polygon, color, cv2.LINE_8, _SHIFT)
    small = cv2.resize(canvas, None, fx=1 / _SCALE, fy=1 / _SCALE, interpolation=cv2.INTER_AREA)
    return Sprite(np.asarray(small, np.uint8), int(low[0]), int(low[1]))


def shadow(mesh: Mesh, view: PinholeView, lamp: Lamp) -> Floats:
    """Return the pixels (n, 2) where a lamp projects the corners of a mesh onto the table, z = 0."""
    corners = mesh.quads.reshape(-1, 3)
    return view.project(corners - lamp.direction * (corners[:, 2:] / lamp.direction[2]))


def _normals(quads: Floats) -> Floats:
    found = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))


def _shaded(
    mesh: Mesh, seen: NDArray[np.intp], normals: Floats, toward: Floats, heights: Floats, lamp: Lamp
) -> Floats:
    """Return BGRA colors of the quads that are seen: Lambert's diffuse light, Blinn's highlights (1977)."""
    normal = normals[seen]
    ambient = lamp.ambient * (0.75 + 0.25 * normal[:, 2])
    ambient *= 1 - _CONTACT * np.exp(-np.maximum(heights[seen], 0) / _CONTACT_CM)
    light = ambient + (1 - lamp.ambient) * np.maximum(normal @ lamp.direction, 0)
    half = toward[seen] + lamp.direction
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    highlight = mesh.gloss[seen] * np.maximum((normal * half).sum(axis=1), 0) ** _SHARPNESS * _HIGHLIGHT
    lit = (mesh.colors[seen] * light[:, None] + highlight[:, None]) * lamp.color
    return np.column_stack([np.clip(lit, 0, 255), np.full(len(seen), 255.0)])
