"""Send each change of label by UDP: python own_sink.py HOST PORT [SOURCE] [FRAMES]."""

import json
import socket
import sys

import edgecnn


class Changes(edgecnn.Sink):
    def __init__(self, host: str, port: int) -> None:
        self.target, self.last = (host, port), None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def show(self, result, stats):
        if result.shown != self.last:
            self.last = result.shown
            message = {"label": result.shown, "score": result.ranking[0].score, "frame": result.frame.index}
            self.socket.sendto(json.dumps(message).encode(), self.target)

    def close(self):
        self.socket.close()


host, port, source, frames = sys.argv[1:] + ["", "", "auto", "0"][len(sys.argv) - 1 :]
with edgecnn.load() as model, edgecnn.open_camera(source) as camera, Changes(host, int(port)) as changes:
    edgecnn.run(model, camera, [changes], frames=int(frames) or None, smooth=0.4, hold=4)
