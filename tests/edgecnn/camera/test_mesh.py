import numpy as np
import pytest

from edgecnn.camera.mesh import (
    Lamp,
    PinholeView,
    both_sides,
    draw,
    faces,
    join,
    revolve,
    shadow,
    surface,
    tube,
)

# 100 pixels a cm at a distance of 10 cm above the table, straight down: x to the right, y upwards.
FRAME = 640, 480
DOWN = PinholeView(
    np.array([0.0, 0.0, 10.0]),
    np.array([[1000.0, 0, -320, 3200], [0, -1000, -240, 2400], [0, 0, -1, 10]]),
)
ABOVE = Lamp(np.array([0.0, 0.0, 1.0]), np.ones(3), 0.5)
SHEET = [[(-1, -1, 0), (1, -1, 0)], [(-1, 1, 0), (1, 1, 0)]]


def moved(x, y, z):
    return np.add(SHEET, (x, y, z))


def volume(mesh):
    """The volume that quads enclose, by the divergence theorem: negative where they face inwards."""
    first, second = (mesh.quads[:, k] for k in ([0, 1, 2], [0, 2, 3]))
    return sum(np.linalg.det(triangles).sum() for triangles in (first, second)) / 6


def test_solids_face_outwards_and_have_their_volume():
    angle = np.linspace(-np.pi / 2, np.pi / 2, 40)
    ball = revolve(np.stack([np.cos(angle), np.sin(angle)], axis=1), (0, 0, 0), segments=60)
    assert volume(ball) == pytest.approx(4 / 3 * np.pi, rel=0.02)
    rod = tube([(0, 0), (0, 0.001), (0, 3), (0, 3.001)], [0, 1, 1, 0], (0, 0, 0), segments=60)
    assert volume(rod) == pytest.approx(3 * np.pi, rel=0.02)
    box = join(*(face.rectangle(0, 0, 1, 1, (0, 0, 0)) for face in faces(2, 3, 4).values()))
    assert volume(box) == pytest.approx(24)
    assert box.quads[..., 2].min() == 0


def test_a_quad_is_seen_from_the_front_alone():
    sheet = surface(SHEET, (10, 20, 30))
    back = sheet._replace(quads=sheet.quads[:, ::-1])
    sprite = draw(sheet, DOWN, ABOVE, FRAME)
    height, width = sprite.pixels.shape[:2]
    assert (sprite.left, sprite.top) == (219, 139)
    assert (width, height) == (203, 203)
    # Light from above is full, but for what the table keeps off.
    middle = sprite.pixels[100, 100]
    assert middle[3] == 255
    assert middle[:3].tolist() == pytest.approx([8, 16, 24], abs=1)
    assert sprite.pixels[0, 0].tolist() == [0, 0, 0, 0]
    assert draw(back, DOWN, ABOVE, FRAME) is None
    assert draw(both_sides(back), DOWN, ABOVE, FRAME).pixels[100, 100, 3] == 255


def test_what_is_painted_on_a_face_covers_it_and_near_things_cover_far_ones():
    top = faces(2, 2, 1)["top"]
    painted = join(top.disc(0.5, 0.5, 0.5, (0, 0, 200)), top.rectangle(0, 0, 1, 1, (200, 0, 0), 0))
    blue, _, red, _ = draw(painted, DOWN, ABOVE, FRAME).pixels[111, 111]
    assert red > 100
    assert blue == 0
    high = surface(np.array(SHEET) * 0.5 + (0, 0, 2), (0, 200, 0))
    both = join(high, surface(SHEET, (200, 0, 0)))
    assert draw(both, DOWN, ABOVE, FRAME).pixels[100, 100, 1] > 100


def test_a_slanted_lamp_darkens_and_throws_a_shadow():
    slanted = Lamp(np.array([0.6, 0.0, 0.8]), np.ones(3), 0.5)
    sheet = surface(moved(0, 0, 4), (100, 100, 100))
    bright, dark = (int(draw(sheet, DOWN, lamp, FRAME).pixels[100, 100, 0]) for lamp in (ABOVE, slanted))
    assert bright - dark == pytest.approx(10, abs=1.5)
    # 4 cm higher, 3 cm towards the lamp: the shadow is that much to the left, and 100 pixels a cm.
    place = shadow(sheet, DOWN, slanted).mean(axis=0)
    assert place.tolist() == pytest.approx([320 - 300, 240])


def test_outside_the_frame_nothing_is_drawn():
    assert draw(surface(moved(9, 0, 0), (1, 1, 1)), DOWN, ABOVE, FRAME) is None
    part = draw(surface(moved(3, 0, 0), (200, 200, 200)), DOWN, ABOVE, FRAME)
    assert part.left + part.pixels.shape[1] == 640
    assert part.pixels[100, -1, 3] == 255
