import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.camera.scene import NOTHING, TABLES, THINGS
from edgecnn.camera.tabletop import ThingScene


def always(name):
    return lambda: name


@pytest.mark.parametrize("table", TABLES)
def test_the_empty_table_is_textured_and_lit(table):
    shot = ThingScene(3, table, always(NOTHING)).shoot(0, 0.0)
    assert shot.label == NOTHING
    assert shot.pixels.shape == (480, 640, 3)
    assert shot.pixels.dtype == np.uint8
    assert 40 < shot.pixels.mean() < 230
    assert cv2.Laplacian(shot.pixels, cv2.CV_64F).std() > 0.5


@pytest.mark.parametrize("name", [name for name in THINGS if name != NOTHING])
def test_a_thing_is_in_the_frame_and_throws_a_shadow(name):
    for number in range(4):
        empty = ThingScene(5, "laminate", always(NOTHING)).shoot(number, 0.0).pixels.astype(int)
        shown = ThingScene(5, "laminate", always(name)).shoot(number, 0.0).pixels.astype(int)
        changed = np.abs(shown - empty).max(axis=2) > 12
        assert 0.02 < changed.mean() < 0.5
        assert changed[100:400, 140:500].sum() > 0.5 * changed.sum(), "most of it is in the middle"


def test_it_moves_and_is_put_down_elsewhere():
    scene = ThingScene(1, "wood", always("ball"))
    first, later, again = scene.shoot(0, 0.0), scene.shoot(0, 0.5), scene.shoot(0, 0.0)
    other = scene.shoot(1, 0.0)
    assert np.array_equal(first.pixels, again.pixels)
    for pixels in (later.pixels, other.pixels):
        assert (np.abs(pixels.astype(int) - first.pixels).max(axis=2) > 20).mean() > 0.02


def test_what_is_shown_can_change_at_any_time():
    names = iter(["cup", NOTHING, "book"])
    scene = ThingScene(1, "wood", lambda: next(names))
    shots = [scene.shoot(0, 0.0) for _ in range(3)]
    assert [shot.label for shot in shots] == ["cup", NOTHING, "book"]
    assert np.array_equal(shots[1].pixels, ThingScene(1, "wood", always(NOTHING)).shoot(0, 0.0).pixels), (
        "nothing of the cup stays"
    )


@pytest.mark.slow
def test_what_is_taught_with_one_seed_is_recognized_with_others(tmp_path):
    for split, seeds in (("train", [0]), ("test", [100, 101, 102])):
        for name in ("apple", "ball", "book", "cup", "leaf"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for seed in seeds:
                with edgecnn.open_camera(
                    f"synthetic:scene=things,seed={seed},thing={name},hold=1,fps=0"
                ) as camera:
                    for i in range(12):
                        cv2.imwrite(str(folder / f"{seed}-{i}.jpg"), camera.read().pixels)
    judged = edgecnn.learn(tmp_path / "data", tmp_path / "model").judged
    assert judged.photos == 180
    assert judged.top1 >= 0.95
    assert judged.rejected <= 0.1
