"""A camera of your own, here a photo that rotates: python own_camera.py PHOTO [FRAMES]."""

import sys
import time

import cv2

import edgecnn
from edgecnn.image.file import read_image


class Turntable(edgecnn.Camera):
    live = False  # it waits for the loop, so no frame is dropped

    def __init__(self, photo: str) -> None:
        self.name, self.photo, self.index = f"{photo}, rotating", read_image(photo), 0

    def read(self) -> edgecnn.Frame:
        height, width = self.photo.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 5 * self.index, 1)
        self.index += 1
        turned = cv2.warpAffine(self.photo, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return edgecnn.Frame(turned, time.monotonic_ns(), self.index - 1, self.name)


if len(sys.argv) < 2:
    sys.exit(__doc__)
with edgecnn.load("digits") as model, Turntable(sys.argv[1]) as camera:
    print(edgecnn.run(model, camera, [], frames=int(sys.argv[2]) if len(sys.argv) > 2 else 72))
