"""From a 640×480 frame to a label: edgecnn next to other runtimes, each in its own environment.

`run.py` is the command; `table` lists the peers, and `networks` what they run. Each peer is a module with
one function, `open_network`, which runs in a child process (`worker`, started by `child`) in the peer's own
environment (`environments`). `measure` runs them interleaved, `report` shows the results.
"""
