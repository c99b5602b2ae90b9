"""The scene `things` of the synthetic camera: things that move about on a textured table under a lamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edgecnn.camera.mesh import Lamp, PinholeView, draw, shadow
from edgecnn.camera.scene import HEIGHT, NOTHING, TABLES, THINGS, WIDTH, Shot, SyntheticScene
from edgecnn.camera.things import make_thing

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.camera.mesh import Mesh, Sprite

    Floats = NDArray[np.float64]
    Image = NDArray[np.uint8]

# Of a webcam: 50° from left to right.
_FOCAL = WIDTH / 2 / np.tan(np.deg2rad(25))
# The side of the table's texture, in pixels and in cm.
_TEXTURE, _TABLE_CM = 1024, 90
# Light is computed at this size, and is full at this value.
_LIGHT, _FULL = (WIDTH // 4, HEIGHT // 4), 200


class _Placement(NamedTuple):
    """How a thing was put down: which one, its motion (uniform, −1 to 1), the light, and the lens."""

    label: str
    yaw: float
    motion: Floats
    lamp: Lamp
    level: float
    blur: float
    noise: float


class ThingScene(SyntheticScene):
    """Puts a thing down in another place, pose and light each time; the seed decides the camera's place too.

    Parameters
    ----------
    table
        A name in `TABLES`.
    wanted
        Returns the name of the thing to show now; None for another one each time.
    """

    def __init__(self, seed: int, table: str, wanted: Callable[[], str] | None = None) -> None:
        self._seed, self._wanted = seed, wanted
        rng = np.random.default_rng([seed, 4])
        self._view = _place_camera(rng)
        self._lamp_from, self._warmth = rng.uniform(0, 2 * np.pi), rng.uniform(-0.12, 0.12)
        self._table = _project_texture(_TABLES[table](rng), self._view)
        self._placement: tuple[int, _Placement] | None = None

    def shoot(self, number: int, moment: float) -> Shot:
        """Return the table with the thing on it; see `SyntheticScene.shoot`."""
        if self._placement is None or self._placement[0] != number:
            self._placement = number, self._place(np.random.default_rng([self._seed, 5, number]))
        placed = self._placement[1]
        label = self._wanted() if self._wanted else placed.label
        mesh = None if label == NOTHING else _moved(make_thing(label), placed, moment)
        light = _light(placed, moment)
        if mesh is not None:
            light *= 1 - _dimmed(mesh, self._view, placed.lamp)
        lit = np.clip(light[..., None] * placed.lamp.color, 0, 255).astype(np.uint8)
        full = cv2.resize(lit, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        image = np.asarray(cv2.multiply(self._table, full, scale=1 / _FULL), np.uint8)
        if mesh is not None:
            near = placed.lamp._replace(color=placed.lamp.color * placed.level)
            _paste(image, draw(mesh, self._view, near, (WIDTH, HEIGHT)))
        return Shot(image, label, placed.blur, placed.noise)

    def _place(self, rng: np.random.Generator) -> _Placement:
        label = THINGS[rng.integers(len(THINGS))]
        azimuth, height = self._lamp_from + rng.normal(0, 0.5), np.deg2rad(rng.uniform(38, 68))
        direction = np.array([np.cos(azimuth), np.sin(azimuth), np.tan(height)])
        warmth = self._warmth + rng.normal(0, 0.03)
        color = np.array([1 - warmth, 1.0, 1 + warmth])
        return _Placement(
            label,
            yaw=rng.uniform(0, 2 * np.pi),
            motion=rng.uniform(-1, 1, 14),
            lamp=Lamp(direction / np.linalg.norm(direction), color, rng.uniform(0.45, 0.65)),
            level=rng.uniform(0.8, 1.15),
            blur=rng.uniform(0.2, 1.1),
            noise=rng.uniform(1, 5),
        )


def _place_camera(rng: np.random.Generator) -> PinholeView:
    """Return a camera that looks at the middle of the table, 5 cm above it."""
    distance, height = rng.uniform(31, 37), np.deg2rad(rng.uniform(34, 58))
    target = np.array([0.0, 0.0, 5.0])
    eye = target + distance * np.array([0.0, -np.cos(height), np.sin(height)])
    forward = (target - eye) / distance
    right = np.array([1.0, 0.0, 0.0])
    turn = np.stack([right, np.cross(forward, right), forward])
    lens = np.array([[_FOCAL, 0, WIDTH / 2], [0, _FOCAL, HEIGHT / 2], [0, 0, 1]])
    return PinholeView(eye, lens @ np.column_stack([turn, -turn @ eye]))


def _project_texture(texture: Image, view: PinholeView) -> Image:
    """Return the table as the camera sees it."""
    scale = _TABLE_CM / _TEXTURE
    on_table = np.array([[scale, 0, -_TABLE_CM / 2], [0, -scale, _TABLE_CM / 2], [0, 0, 1]])
    seen = view.matrix[:, [0, 1, 3]] @ on_table
    return np.asarray(
        cv2.warpPerspective(texture, seen, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def _moved(mesh: Mesh, placed: _Placement, t: float) -> Mesh:
    """Return a mesh as it lies at `t` seconds: it is moved about, turned, tilted and lifted."""
    motion = placed.motion

    def sway(k: int, amount: float, period: float) -> float:
        return float(amount * (0.6 * motion[k] + 0.4 * np.sin(2 * np.pi * (t / period + motion[k + 1]))))

    turn = _rotation(2, placed.yaw + sway(0, 0.5, 3.7) + 0.5 * motion[2] * t)
    tilt = _rotation(0, sway(3, 0.45, 2.9)) @ _rotation(1, sway(5, 0.45, 3.3))
    quads = mesh.quads @ (tilt @ turn).T
    lifted = max(0.0, sway(11, 4.0, 2.6))
    place = np.array([sway(7, 5.0, 3.1), sway(9, 3.5, 2.3) - 1, lifted - quads[..., 2].min()])
    return mesh._replace(quads=quads + place)


def _rotation(axis: int, angle: float) -> Floats:
    """Return the matrix of a turn around the x, y or z axis."""
    a, b = (k for k in range(3) if k != axis)
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn


def _light(placed: _Placement, t: float) -> Floats:
    """Return the light on each part of the frame, float64 of `_LIGHT`, more of it where the lamp is."""
    width, height = _LIGHT
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None] - 0.5
    level = placed.level * (1 + 0.02 * np.sin(2 * np.pi * (t / 0.9 + placed.motion[13])))
    slope = placed.lamp.direction[0] * x - placed.lamp.direction[1] * y
    return np.asarray(_FULL * level * (1 + 0.45 * slope) * (1 - 0.5 * (x * x + y * y)))


def _dimmed(mesh: Mesh, view: PinholeView, lamp: Lamp) -> Floats:
    """Return the share of light that the mesh's shadow takes from each part of the frame, as `_light`."""
    mask = np.zeros(_LIGHT[::-1], np.uint8)
    hull = cv2.convexHull((shadow(mesh, view, lamp) / 4).astype(np.float32))
    cv2.fillConvexPoly(mask, np.rint(hull * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 2.0) / 255 * 0.85 * (1 - lamp.ambient))


def _paste(image: Image, sprite: Sprite | None) -> None:
    """Draw a sprite over an image, in place."""
    if sprite is None:
        return
    height, width = sprite.pixels.shape[:2]
    part = image[sprite.top : sprite.top + height, sprite.left : sprite.left + width]
    rest = cv2.cvtColor(255 - sprite.pixels[..., 3], cv2.COLOR_GRAY2BGR)
    cv2.add(cv2.multiply(part, rest, scale=1 / 255), sprite.pixels[..., :3], dst=part)


def _smooth_noise(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Return noise of about ±1 over the texture, that varies over so many rows and columns."""
    return np.asarray(
        cv2.resize(rng.normal(0, 1, (rows, columns)), (_TEXTURE, _TEXTURE), interpolation=cv2.INTER_CUBIC)
    )


def _wood(rng: np.random.Generator) -> Image:
    """Return planks with a grain along them."""
    y = np.arange(_TEXTURE)[:, None] / _TEXTURE
    rings = np.sin(2 * np.pi * (14 * y + 0.9 * _smooth_noise(rng, 7, 3)))
    fine = _smooth_noise(rng, 512, 12)
    plank = _TEXTURE // 6
    tone = rng.normal(0, 9, 7)[np.arange(_TEXTURE) // plank][:, None]
    gap = np.where(np.arange(_TEXTURE) % plank < 3, 46, 0)[:, None]
    base = np.array([72, 118, 164])
    return _colored(base, 7 * rings + 7 * fine + tone - gap)


def _cloth(rng: np.random.Generator) -> Image:
    """Return a checked, woven cloth."""
    cells = np.arange(_TEXTURE) // 64 % 2
    threads = np.where(np.arange(_TEXTURE) % 4 < 2, 5, -5)
    checks = 17 * (cells[:, None] + cells[None, :] - 1)
    base = np.array([176, 168, 158])
    return _colored(base, checks + threads[:, None] * threads[None, :] / 5 + 5 * _smooth_noise(rng, 6, 6))


def _stone(rng: np.random.Generator) -> Image:
    """Return speckled stone."""
    specks = cv2.GaussianBlur(rng.normal(0, 1, (_TEXTURE, _TEXTURE)), (0, 0), 1.6) * 60
    base = np.array([150, 150, 152])
    return _colored(base, specks * (np.abs(specks) > 12) + 6 * _smooth_noise(rng, 8, 8))


def _laminate(rng: np.random.Generator) -> Image:
    """Return a plain surface with a little wear."""
    base = np.array([222, 224, 226])
    return _colored(base, 4 * _smooth_noise(rng, 5, 5) + 2 * _smooth_noise(rng, 300, 300))


def _colored(base: Floats, brightness: Floats) -> Image:
    return np.clip(base + brightness[..., None], 0, 255).astype(np.uint8)


_TABLES = dict(zip(TABLES, (_wood, _cloth, _stone, _laminate), strict=True))
