"""How long `edgecnn classify one.jpg` takes from its start to the label, compared with a minimal script.

    python benchmarks/start.py [--rounds N]

Both are new processes, interleaved, and do the same: import OpenCV and LiteRT, open `digits`, read a JPEG,
print the label. The small script checks no hash, knows no bundle and has no command line. Prints medians and
the ratio with its interval. Bytecode must exist, as after an installation; the first round is not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2

from edgecnn.bench import bench_frames
from edgecnn.bundle.bundle import find
from edgecnn.latency import percentile, ratio_of_medians

MINIMAL = """
import sys
import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=sys.argv[1])
interpreter.allocate_tensors()
entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
image = cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE)
small = cv2.resize(image[:, 80:560], (28, 28), interpolation=cv2.INTER_AREA)
interpreter.set_tensor(entry["index"], (small ^ 0x80).view(np.int8)[None, ..., None])
interpreter.invoke()
scores = interpreter.get_tensor(result["index"])[0]
print(int(scores.argmax()), (int(scores.max()) + 128) / 256)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        image, script = Path(folder, "one.jpg"), Path(folder, "minimal.py")
        cv2.imwrite(str(image), bench_frames()[0])
        script.write_text(MINIMAL)
        commands = {
            "edgecnn classify": [str(Path(sys.executable).with_name("edgecnn")), "classify", str(image)],
            "minimal script": [
                sys.executable,
                str(script),
                str(find("digits") / "int8.tflite"),
                str(image),
            ],
        }
        took: dict[str, list[list[float]]] = {name: [] for name in commands}
        for k in range(arguments.rounds + 1):
            for name, command in sorted(commands.items(), reverse=k % 2 == 0):
                environment = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
                start = time.perf_counter()
                subprocess.run(command, env=environment, check=True, capture_output=True)
                if k:
                    took[name].append([(time.perf_counter() - start) * 1e3])
    for name, blocks in took.items():
        values = [v for block in blocks for v in block]
        print(f"{name:<17} p50 {percentile(values, 50):6.1f} ms   least {min(values):6.1f} ms")
    ratio = ratio_of_medians(took["edgecnn classify"], took["minimal script"])
    print(f"ratio {ratio.value:.2f} (95 % interval {ratio.low:.2f} to {ratio.high:.2f})")


if __name__ == "__main__":
    main()
