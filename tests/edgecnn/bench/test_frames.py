import cv2
import numpy as np
import pytest

from edgecnn.bench import Frames, bench_frames
from edgecnn.bench.frames import FRAME_COUNT, capture
from edgecnn.errors import CameraError


def test_the_synthetic_ones_are_always_the_same():
    one, two = Frames.synthetic(), Frames.synthetic()
    assert one.jpegs == two.jpegs
    assert len(one.images) == len(one.jpegs) == FRAME_COUNT
    assert one.about == f"{FRAME_COUNT} frames of 640×480, synthetic"
    assert all(p.shape == (480, 640, 3) for p in bench_frames())


def test_a_compressed_frame_becomes_its_image_again():
    frames = Frames.synthetic()
    image = capture(frames.jpegs[0])
    assert np.abs(image.astype(int) - frames.images[0]).mean() < 3


def test_frames_of_ones_own(photo_folder, tmp_path):
    found = Frames.read(str(next(p for p in photo_folder.iterdir() if p.is_dir())))
    assert len(found.images) == FRAME_COUNT
    one = tmp_path / "one.png"
    cv2.imwrite(str(one), np.zeros((30, 40, 3), np.uint8))
    assert Frames.read(str(one)).about == f"1 frame of 40×30, from {one}"


def test_a_source_without_frames_is_told(tmp_path):
    with pytest.raises(CameraError, match="no source opens"):
        Frames.read(str(tmp_path))


def test_an_image_that_no_jpeg_can_hold_is_reported(tmp_path):
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), np.zeros((2, 70_000, 3), np.uint8))
    with pytest.raises(CameraError, match="a side of more than 65,500 pixels"):
        Frames.read(str(wide))
