"""Runs one network with the peers, interleaved, and keeps latencies and answers."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.child import Child, WorkerFailed
from benchmarks.peers.table import OURS, PEERS
from edgecnn.machine.condition import doubts, read_condition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.peers.network import Network

# Opening may take a conversion, and the longest of them some minutes.
OPEN_S = 900.0
# What a block of one candidate takes at most, unless that is less than the fewest runs.
BLOCK_MS, FEWEST_RUNS = 40.0, 3


@dataclass(slots=True)
class PeerCandidate:
    """One peer in one way: with edgecnn's preprocessing (`ours`) or as its samples do (`theirs`).

    `blocks` are latencies in ms; `agreement` is the share of images for which it names the float network's
    best class, and `differences` are how far its scores are from the float network's.
    """

    peer: str
    way: str
    precision: str
    agreement: float
    differences: list[float]
    warm_up: int
    runs: int
    blocks: list[list[float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What it is called in the order of the blocks."""
        return f"{self.peer} {self.way}"


@dataclass(slots=True)
class Measured:
    """One network: who took part, who could not and why, and in which order they ran.

    `order` has a list of names for each block, and `spans` when each of them ran (monotonic ns, all on the
    machine's one clock). `idle` is the share of the measurement for which a waiting worker computed.
    """

    network: Network
    candidates: list[PeerCandidate]
    failures: dict[str, str]
    notes: dict[str, list[str]]
    versions: dict[str, dict[str, str]]
    order: list[list[str]]
    spans: list[tuple[int, int]]
    idle: dict[str, float]
    doubts: list[str]


def measure(
    network: Network,
    pythons: Mapping[str, Path],
    failures: Mapping[str, str],
    logs: Path,
    *,
    blocks: int,
    runs: int,
    seed: int = 0,
    cpu: int = -1,
    pause_s: float = 0.0,
) -> Measured:
    """Measure one network with the peers of `pythons`; a peer that fails is left out with its reason.

    Every block, each candidate classifies the same frames, in a newly shuffled order.

    Parameters
    ----------
    pythons
        The Python of each peer's environment, by the peer's name.
    failures
        Why others have no environment, by their names.
    runs
        Runs in a block, at most: fewer for what takes long.
    pause_s
        How long each sleeps before a frame, as for a camera.
    """
    result = Measured(network, [], dict(failures), {}, {}, [], [], {}, [])
    with ExitStack() as stack:
        children = {
            peer: stack.enter_context(
                Child(python, PEERS[peer].module, logs / f"{network.name}-{peer}.log", cpu)
            )
            for peer, python in pythons.items()
        }
        _open_all(result, children)
        for peer in list(children):
            _prepare(result, peer, children, runs)
        before = read_condition()
        _run_blocks(result, children, blocks, seed, pause_s)
    ours = [c.blocks for c in result.candidates if c.peer == OURS]
    result.doubts = doubts(before, read_condition(), {"edgecnn": ours[0]} if ours else {})
    return result


def _open_all(result: Measured, children: dict[str, Child]) -> None:
    """Have them open the network, one after the other: some measure which of their forms is the fastest."""
    for peer, child in list(children.items()):
        try:
            child.send(do="open", folder=str(result.network.folder), packages=PEERS[peer].packages)
            opened = child.receive(OPEN_S)
        except WorkerFailed as failure:
            _drop(result, children, peer, failure)
            continue
        result.notes[peer], result.versions[peer] = opened["notes"], opened["versions"]
        result.candidates += [
            PeerCandidate(peer, way, opened["precision"], 0.0, [], 0, 0) for way in opened["ways"]
        ]


def _prepare(result: Measured, peer: str, children: dict[str, Child], runs: int) -> None:
    """Compare a peer's answers, and run it until it is warm."""
    reference = np.load(result.network.folder / "reference.npy")
    child = children[peer]
    for candidate in [c for c in result.candidates if c.peer == peer]:
        try:
            answers = child.ask(do="check", way=candidate.way)["answers"]
            warm = child.ask(do="warm_up", way=candidate.way)
        except WorkerFailed as failure:
            _drop(result, children, peer, failure)
            return
        candidate.agreement, candidate.differences = agreement(answers, reference)
        candidate.warm_up = warm["runs"]
        candidate.runs = max(FEWEST_RUNS, min(runs, round(BLOCK_MS * 1e6 / warm["ns"])))


def agreement(answers: Sequence[Any], reference: Any) -> tuple[float, list[float]]:
    """Return how many answers (index, score) name the reference's best class, and how far scores are off."""
    same = [index == int(row.argmax()) for (index, _), row in zip(answers, reference, strict=True)]
    off = [abs(score - float(row[index])) for (index, score), row in zip(answers, reference, strict=True)]
    return sum(same) / len(same), off


def _run_blocks(result: Measured, children: dict[str, Child], blocks: int, seed: int, pause_s: float) -> None:
    shuffle = random.Random(seed).shuffle  # noqa: S311 - nothing secret
    _rest(result, children)
    start = time.monotonic_ns()
    for block in range(blocks):
        candidates = list(result.candidates)
        shuffle(candidates)
        result.order.append([c.name for c in candidates])
        for candidate in candidates:
            if candidate.peer not in children:
                continue
            runs = candidate.runs
            try:
                ran = children[candidate.peer].ask(
                    do="run", way=candidate.way, start=block * runs, runs=runs, pause_s=pause_s
                )
            except WorkerFailed as failure:
                _drop(result, children, candidate.peer, failure)
                continue
            candidate.blocks.append([ns / 1e6 for ns in ran["ns"]])
            result.spans.append(tuple(ran["span"]))
    passed_ns = time.monotonic_ns() - start
    result.idle = {peer: ns / passed_ns for peer, ns in _rest(result, children).items()}


def _rest(result: Measured, children: dict[str, Child]) -> dict[str, int]:
    """Return how long each worker has computed unasked since it was asked so, in ns."""
    idle = {}
    for peer, child in list(children.items()):
        try:
            idle[peer] = child.ask(do="rest")["idle_ns"]
        except WorkerFailed as failure:
            _drop(result, children, peer, failure)
    return idle


def _drop(result: Measured, children: dict[str, Child], peer: str, failure: WorkerFailed) -> None:
    """Continue without a peer that has failed."""
    result.failures[peer] = " ".join(str(failure).split())[:300]
    result.candidates = [c for c in result.candidates if c.peer != peer]
    children.pop(peer).close()
