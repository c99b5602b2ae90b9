"""Clients that wish the live view's page ill, and what they cost its owner and the loop.

Each attack runs until its time is over, in a process of its own with the lowest priority, because it
shares the processors with its victim. `python -m tests.attack.web` starts `edgecnn live`, and measures in
turn with and without each attack: frames a second of the loop, and the requests of its owner, who comes from
the same address as the attackers. It talks to this machine only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

from tests.attack.web_clients import ATTACKS, TOKEN, Target, again, connection, large_photo, photo

ROOT = Path(__file__).parents[2]
PATIENCE_S = 2


def attack(names: list[str], port: int, seconds: float) -> dict[str, Any]:
    """Run attacks in this process at the same time, for so long; return what came of them."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    targets = [Target(port, TOKEN if ATTACKS[name][2] else None) for name in names]
    if any(ATTACKS[name][0] is photo for name in names):
        large_photo()

    async def bounded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(
                    *(again(target, *ATTACKS[name][:2]) for target, name in zip(targets, names, strict=True))
                )

    asyncio.run(bounded())
    answers = sum((Counter(t.answers) for t in targets), Counter())
    return {
        "sent": sum(t.sent for t in targets),
        "opened": sum(t.opened for t in targets),
        "answers": answers,
    }


@contextlib.contextmanager
def attacked(names: list[str], port: int, seconds: float, ahead_s: float = 1.5) -> Iterator[dict[str, Any]]:
    """Attack from another process for at most so long; what it yields has at the end what came of it."""
    outcome: dict[str, Any] = {}
    command = [sys.executable, "-m", "tests.attack.web", "--port", str(port), "--seconds", str(seconds)]
    process = subprocess.Popen([*command, "--attack", *names], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        time.sleep(ahead_s)
        yield outcome
        outcome |= json.loads(process.communicate(timeout=seconds + 60)[0])
    finally:
        process.kill()
        process.communicate()


class Owner:
    """Who asks every 50 ms, each time over a connection of its own, with the token."""

    def __init__(self, port: int) -> None:
        self._target = Target(port, TOKEN)
        self.took: list[float] = []
        self.failed = 0

    async def _once(self) -> None:
        start = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S), connection(self._target) as (reader, writer):
                writer.write(self._target.head("GET /healthz HTTP/1.1", "Connection: close"))
                answer = await reader.read()
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise ValueError(answer[:20])
                self.took.append(time.monotonic() - start)
        except (OSError, TimeoutError, ValueError):
            self.failed += 1

    async def ask(self, seconds: float) -> None:
        """Keep asking for this many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._once()
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Measured:
    """What one stretch of time was like."""

    fps: float
    rate: float
    answered: float
    latency_ms: float
    cpu: float

    @classmethod
    def of(cls, live: Live, seconds: float) -> Measured:
        owner = Owner(live.port)
        start, frames, cpu_s = time.monotonic(), live.frames(), live.cpu_s()
        asyncio.run(owner.ask(seconds))
        took_s = time.monotonic() - start
        fps, cpu = (live.frames() - frames) / took_s, (live.cpu_s() - cpu_s) / took_s
        asked = len(owner.took) + owner.failed
        latency = statistics.median(owner.took) * 1e3 if owner.took else float("inf")
        return cls(fps, len(owner.took) / seconds, len(owner.took) / max(1, asked), latency, cpu)


@dataclass(frozen=True)
class Live:
    """A running `edgecnn live` with its page behind a token."""

    port: int
    pid: int
    results: Path

    def frames(self) -> int:
        """Return how many results there were so far, also while the page is overloaded."""
        return self.results.read_bytes().count(b"\n")

    def cpu_s(self) -> float:
        """Return how long it kept a processor busy so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """Return the most memory that it held since `reset_peak`."""
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text("ascii"))
        assert found
        return int(found.group(1)) / 1024

    def reset_peak(self) -> None:
        """Start measuring the peak of memory again."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def running(*options: str) -> Iterator[Live]:
    """Start `edgecnn live` with its page behind a token."""
    with tempfile.TemporaryDirectory() as folder:
        token, results = Path(folder, "token"), Path(folder, "results.jsonl")
        token.write_text(TOKEN)
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic", "--show", "web", "--port", "0",
             "--token-file", str(token), "--jsonl", str(results), *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            found = None
            while found is None and (said := process.stdout.readline()):
                found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
            assert found, "live said no address"
            yield Live(int(found.group(1)), process.pid, results)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                print("live had to be killed", file=sys.stderr)
                process.kill()
                process.communicate()


def measure(name: str, live: Live, pairs: int, seconds: float) -> dict[str, Any]:
    """Measure without and with an attack, by turns."""
    calm, under, outcomes, peaks = [], [], [], []
    for _ in range(pairs):
        calm.append(Measured.of(live, seconds))
        live.reset_peak()
        with attacked([name], live.port, seconds + 2) as outcome:
            under.append(Measured.of(live, seconds))
        outcomes.append(outcome)
        peaks.append(live.peak_mb())
        time.sleep(1)
    middle = {
        f"{when} {what}": statistics.median(getattr(m, what) for m in all_of)
        for when, all_of in (("calm", calm), ("under", under))
        for what in ("fps", "rate", "answered", "latency_ms", "cpu")
    }
    sent = statistics.median(o["sent"] / (seconds + 2) for o in outcomes) / 1e6
    return middle | {
        "sent": sent,
        "peak": max(peaks),
        "opened": outcomes[-1]["opened"],
        "answers": outcomes[-1]["answers"],
    }


def line(name: str, m: dict[str, Any]) -> str:
    """Return one attack's figures."""
    fps, rate = (m[f"under {what}"] / m[f"calm {what}"] for what in ("fps", "rate"))
    return (
        f"{name:25} loop {m['calm fps']:4.1f} → {m['under fps']:4.1f} fps ({fps:4.2f}), "
        f"owner {m['calm rate']:4.1f} → {m['under rate']:4.1f}/s ({rate:4.2f}), "
        f"{m['under answered']:4.0%} in {m['calm latency_ms']:.0f} → {m['under latency_ms']:.0f} ms; "
        f"cpu {m['calm cpu']:.0%} → {m['under cpu']:.0%}; sent {m['sent']:.1f} MB/s; "
        f"peak {m['peak']:.0f} MB; {m['opened']} connections {m['answers']}"
    )


def main() -> None:
    """Measure each attack, or be one."""
    options = argparse.ArgumentParser()
    options.add_argument("--attack", nargs="*", choices=ATTACKS)
    options.add_argument("--port", type=int)
    options.add_argument("--only", nargs="*", default=list(ATTACKS))
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=4)
    asked = options.parse_args()
    if asked.attack:
        print(json.dumps(attack(asked.attack, asked.port, asked.seconds)))
        return
    for name in asked.only:
        with running() as live:
            time.sleep(1)
            print(line(name, measure(name, live, asked.pairs, asked.seconds)), flush=True)


if __name__ == "__main__":
    main()
