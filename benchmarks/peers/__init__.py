"""From a 640×480 frame to a label: edgecnn beside other runtimes, each in an environment of its own.

`run.py` is the command; `table` lists the peers, and `networks` what they run. Each peer is a module with
one function, `open_network`, which runs in a child process (`worker`, started by `child`) in the peer's own
environment (`environments`). `measure` has them run in turn, `report` says what came out.
"""
