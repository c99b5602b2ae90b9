"""In the machine: `edgecnn live` with its page, which gets hostile images posted, one after another.

Leaves uploads.json (the status of each upload, and the most memory of the process) in the working folder, and
what `watched.py` does. The images are in the folder `bombs`.
"""

import http.client
import json
import sys
from pathlib import Path

from watched import WORK, Watched

PORT = 8080


def post(data: bytes) -> int:
    """Return the status that an upload gets, or 0 where the connection was closed without one."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request("POST", "/api/v1/classify", data)
        return connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


live = Watched("--source", "synthetic:fps=5", "--show", "web", "--port", str(PORT))
live.keeps_running(10)
statuses = {}
for path in sorted(Path("bombs").iterdir()):
    statuses[path.name] = post(path.read_bytes())
    live.keeps_running(2)
    print(path.name, statuses[path.name], live.peak_bytes() >> 20, "MB", flush=True)
peak = live.peak_bytes()
code = live.end()
(WORK / "uploads.json").write_text(json.dumps({"code": code, "statuses": statuses, "peak_bytes": peak}))
sys.exit(code)
