"""In the machine: a webcam that shows one image until the machine ends; the argument is its JPEG file."""

import sys
import time
from pathlib import Path

from webcam import Image, Webcam

webcam = Webcam([Image("7", Path(sys.argv[1]).read_bytes())], [(640, 480)])
webcam.plug()
while True:
    time.sleep(60)
