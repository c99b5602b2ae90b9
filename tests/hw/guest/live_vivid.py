"""In the machine: `edgecnn live` on vivid, the kernel's own test camera, which goes away and comes back.

Leaves cameras.txt in the working folder, and what `watched.py` does.
"""

import subprocess
import sys
from pathlib import Path

from watched import EDGECNN, WORK, Watched

DRIVER = Path("/sys/bus/platform/drivers/vivid")

with (WORK / "cameras.txt").open("w") as output:
    subprocess.run([*EDGECNN, "cameras"], stdout=output, check=True)
live = Watched("--size", "320x180")
live.keeps_running(20)
(DRIVER / "unbind").write_text("vivid.0")
live.until(lambda: live.said("it is reopened when it is back"), 120, "that it is gone")
(DRIVER / "bind").write_text("vivid.0")
live.until(lambda: live.said("is back after"), 120, "that it is back")
live.keeps_running(20)
sys.exit(live.end())
