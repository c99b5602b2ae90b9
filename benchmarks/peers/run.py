"""Compares edgecnn with other runtimes from a 640×480 frame to a label: same networks, frames and core.

    python benchmarks/peers/run.py [--models …] [--peers …] [--blocks N] [--json FILE] [--markdown FILE]

Run it with the trainer's Python. The first run makes an environment for each peer (several GB, from the
package index) and the networks, and keeps both in the cache; after that it takes some minutes. Calibration
and the comparison of answers use the datasets below $EDGECNN_DATA where they are there (mnist, cifar10,
trashnet), else synthetic frames. A peer that can't be installed, converted or run is a line with the reason.
--markdown fills the section between the markers of a page, such as docs/benchmarks.md; each kind of core has
its own. --avx2 hides AVX-512 and VNNI from all, as benchmarks/avx2.py does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Not this folder: no module in it is to be taken for a library.
sys.path[:1] = [str(ROOT), str(ROOT / "train")]

from benchmarks.avx2 import make_handler  # noqa: E402
from benchmarks.peers import report  # noqa: E402
from benchmarks.peers.child import WorkerFailed  # noqa: E402
from benchmarks.peers.environments import converter, python_of  # noqa: E402
from benchmarks.peers.measure import Measured, measure  # noqa: E402
from benchmarks.peers.network import Network  # noqa: E402
from benchmarks.peers.table import OURS, PEERS  # noqa: E402

NETWORKS = ("digits", "cifar10", "mobilenet_v1", "mobilenet_v2")


def main() -> None:
    arguments = _arguments()
    peers = list(dict.fromkeys([OURS, *arguments.peers]))
    cache: Path = arguments.cache
    (cache / "logs").mkdir(parents=True, exist_ok=True)
    if arguments.markdown not in (None, "-") and not Path(arguments.markdown).is_file():
        sys.exit(f"--markdown {arguments.markdown}: no such page; it is to have the section's markers")
    home = cache
    if arguments.avx2:
        home = cache / "avx2"
        home.mkdir(exist_ok=True)
        # What edgecnn remembers of this machine would be wrong with VNNI, and the other way round.
        os.environ |= {"LD_PRELOAD": str(make_handler(home)), "XDG_CACHE_HOME": str(home / "cache")}
    pythons, failures = _environments(peers, home, here=arguments.here, avx2=arguments.avx2)
    onnx = any(PEERS[peer].needs_onnx for peer in pythons)
    results = []
    for name in arguments.models:
        _say(f"{name}: the network")
        network = _network(name, cache, onnx=onnx)
        _say(f"{name}: {', '.join(pythons)}")
        results.append(
            measure(
                network, pythons, failures, cache / "logs",
                blocks=arguments.blocks, runs=arguments.runs, seed=arguments.seed, cpu=arguments.cpu,
                pause_s=arguments.pause_ms / 1e3,
            )
        )  # fmt: skip
    _write(results, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--models", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--runs", type=int, default=25, help="runs of each in a block, at most")
    parser.add_argument("--pause-ms", type=float, default=0.0, help="before each frame, as for a camera")
    parser.add_argument("--seed", type=int, default=0, help="of the order in each block")
    parser.add_argument(
        "--cpu",
        type=int,
        default=_last_core(),
        help="the core that all run on; -1 for any (default: %(default)s)",
    )
    parser.add_argument("--cache", type=Path, default=home / "edgecnn-peers")
    parser.add_argument("--here", action="store_true", help="run all in this environment, make none")
    parser.add_argument("--avx2", action="store_true", help="as on x86 without AVX-512 and VNNI")
    parser.add_argument("--json", metavar="FILE", help="- for stdout")
    parser.add_argument("--markdown", metavar="FILE", help="fill the section of a page; - for stdout")
    arguments = parser.parse_args()
    if arguments.blocks < 1 or arguments.runs < 1:
        parser.error("--blocks and --runs must be at least 1")
    arguments.cache = arguments.cache.resolve()
    return arguments


def _last_core() -> int:
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1


def _environments(
    peers: list[str], cache: Path, *, here: bool, avx2: bool
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the Python of each peer, and why others have none."""
    pythons: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for name in peers:
        try:
            if not here:
                _say(f"environment: {name}")
            pythons[name] = Path(sys.executable) if here else python_of(PEERS[name], cache, avx2=avx2)
        except WorkerFailed as failure:
            failures[name] = str(failure)
    return pythons, failures


def _network(name: str, cache: Path, *, onnx: bool) -> Network:
    """Make a network in a process of its own, which may load TensorFlow."""
    folder = cache / "networks" / name
    paths = [ROOT, ROOT / "train", *([converter(cache)] if onnx else [])]
    command = [sys.executable, "-m", "benchmarks.peers.networks", str(folder), name, str(int(onnx))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "TF_CPP_MIN_LOG_LEVEL": "2"}
    made = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["no message"])[-1]
        sys.exit(f"the network {name} can't be made: {last}")
    return Network.read(folder)


def _write(results: list[Measured], arguments: argparse.Namespace) -> None:
    import json

    from edgecnn.io.output import write_text
    from edgecnn.machine.board import describe_board
    from edgecnn.machine.processor import describe_processor

    board = describe_board()
    settings = {
        "date": datetime.now(UTC).strftime("%B %Y"),
        "blocks": arguments.blocks,
        "runs": arguments.runs,
        "seed": arguments.seed,
        "kind": report.AVX2 if arguments.avx2 else report.kind_of(describe_processor()),
        "pause": f", after a pause of {arguments.pause_ms:g} ms" if arguments.pause_ms else "",
        "hidden": ", with AVX-512 and VNNI hidden from all libraries" if arguments.avx2 else "",
        "core": f"all on core {arguments.cpu}" if arguments.cpu >= 0 else "on any core",
    }
    section = report.markdown(results, board, settings)
    if arguments.json:
        write_text(arguments.json, json.dumps(report.as_dict(results, board, settings), indent=1) + "\n")
    if arguments.markdown and arguments.markdown != "-":
        page = Path(arguments.markdown)
        write_text(
            arguments.markdown, report.between_markers(page.read_text("utf-8"), section, settings["kind"])
        )
    elif arguments.json != "-":
        print(section)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
