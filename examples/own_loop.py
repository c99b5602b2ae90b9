"""Classify the frames of a camera in a loop of your own: python own_loop.py [SOURCE] [FRAMES]."""

import sys
from itertools import islice

import edgecnn

source = sys.argv[1] if len(sys.argv) > 1 else "auto"
most = int(sys.argv[2]) if len(sys.argv) > 2 else None

with edgecnn.load("digits") as classifier, edgecnn.open_camera(source) as camera:
    smoother = classifier.smoother()
    for frame in islice(iter(camera.read, None), most):
        result = classifier.classify_frame(frame, top=3, smoother=smoother)
        best = result.predictions[0]
        print(
            f"{result.shown}  (this frame: {best.label} {best.score:.1%}, {result.timings.total_ms:.2f} ms)"
        )
