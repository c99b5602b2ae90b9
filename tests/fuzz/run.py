"""Gives thousands of broken model files to edgecnn and sees what becomes of each.

    python tests/fuzz/run.py --mutants 10000 --seed 0

Every file has to end in a prediction or in a clean error of one line. What ends otherwise is kept in a
folder, and the exit code is 1. The same seed makes the same files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from edgecnn.bundle.bundle import find  # noqa: E402
from tests.fuzz.mutants import mutants  # noqa: E402

MODELS = ("digits/int8.tflite", "cifar10/int8.tflite", "digits/float32.tflite")
FINE = ("prediction", "error")
VERDICTS = (*FINE, "DIRTY", "CRASH", "HANG", "FAT")
MOST_BYTES = 10**9
COMMAND = [sys.executable, "-m", "tests.fuzz.worker"]


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    model: str
    number: int
    kind: str
    verdict: str
    message: str
    peak: int
    seconds: float


class Worker:
    """The process that opens the files; a new one is started when it died or was killed."""

    def __init__(self, limit_s: float, scratch: Path) -> None:
        self._limit_s, self._scratch = limit_s, scratch
        self._process: subprocess.Popen[str] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def judge(self, data: bytes, classes: int) -> dict[str, Any]:
        """Return the verdict, its message and the peak of memory; labels are given for `classes`."""
        mutant, labels = self._scratch / "mutant.tflite", self._scratch / f"{classes}.txt"
        mutant.write_bytes(data)
        labels.write_text("".join(f"class {k}\n" for k in range(classes)))
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died of the file before
            request = {"path": str(mutant), "labels": str(labels) if classes else None}
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        if not select.select([process.stdout], [], [], self._limit_s)[0]:
            self.close()
            return {"verdict": "HANG", "message": f"no answer within {self._limit_s:g} s", "peak": 0}
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self.close()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return {"verdict": "CRASH", "message": how, "peak": 0}
        answer: dict[str, Any] = json.loads(line)
        return answer | {"verdict": "FAT"} if answer["peak"] > MOST_BYTES else answer

    def close(self) -> None:
        """Kill the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]

    def _start(self) -> subprocess.Popen[str]:
        # What is remembered of a file is not to outlive the run.
        environment = os.environ | {"XDG_CACHE_HOME": str(self._scratch)}
        return subprocess.Popen(
            COMMAND, cwd=ROOT, text=True, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fuzz(
    models: list[Path], count: int, seed: int, limit_s: float, keep: Path, show: bool = False
) -> list[Outcome]:
    """Judge `count` files made of the models in turn; copies of those that end badly go to `keep`."""
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as scratch, Worker(limit_s, Path(scratch)) as worker:
        for place, model in enumerate(models):
            share = count // len(models) + (place < count % len(models))
            for number, (kind, changed) in enumerate(mutants(model.read_bytes(), share, seed)):
                outcome = _outcome(worker, model, number, kind, changed)
                outcomes.append(outcome)
                if outcome.verdict not in FINE:
                    keep.mkdir(parents=True, exist_ok=True)
                    name = f"{outcome.model}-{seed}-{number}-{outcome.verdict}.tflite"
                    (keep / name).write_bytes(changed)
                if show:
                    bad = sum(o.verdict not in FINE for o in outcomes)
                    print(f"\r{len(outcomes):,} of {count:,}, {bad} bad ", end="", file=sys.stderr)
    return outcomes


def _outcome(worker: Worker, model: Path, number: int, kind: str, changed: bytes) -> Outcome:
    if not worker.running:
        worker.judge(model.read_bytes(), 10)  # that it starts is not the file's fault
    start = time.monotonic()
    # Labels inside are what the hostile archives are about.
    found = worker.judge(changed, 0 if kind == "archive" else 10)
    return Outcome(
        f"{model.parent.name}-{model.stem}", number, kind, found["verdict"], found["message"], found["peak"],
        round(time.monotonic() - start, 3),
    )  # fmt: skip


def table(outcomes: list[Outcome]) -> str:
    """Return how often each kind of file ended in what."""
    counts = Counter((o.kind, o.verdict) for o in outcomes)
    lines = [f"{'':12}" + "".join(f"{v:>11}" for v in VERDICTS)]
    kinds = dict.fromkeys(o.kind for o in outcomes)
    lines += [f"{kind:12}" + "".join(f"{counts[kind, v]:11,}" for v in VERDICTS) for kind in kinds]
    all_of = Counter(o.verdict for o in outcomes)
    lines.append(f"{'all':12}" + "".join(f"{all_of[v]:11,}" for v in VERDICTS))
    slowest, fattest = max(o.seconds for o in outcomes), max(o.peak for o in outcomes)
    lines.append(f"the slowest took {slowest:.2f} s, the largest {fattest / 1e6:,.0f} MB")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, run, print, and exit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mutants", type=int, default=10_000, help="how many files in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit-s", type=float, default=10.0, help="how long a file may take")
    parser.add_argument("--models", type=Path, nargs="+", help="of ten classes, what mutants are made of")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="where the offenders go")
    parser.add_argument("--json", action="store_true", help="every outcome as a line of JSON")
    given = parser.parse_args()
    models = given.models or [find(name.split("/")[0]) / name.split("/")[1] for name in MODELS]
    start = time.monotonic()
    outcomes = fuzz(models, given.mutants, given.seed, given.limit_s, given.keep, sys.stderr.isatty())
    bad = [o for o in outcomes if o.verdict not in FINE]
    if given.json:
        for outcome in outcomes:
            print(json.dumps(asdict(outcome)))
    else:
        print(f"{len(outcomes):,} files of seed {given.seed} in {time.monotonic() - start:.0f} s")
        print(table(outcomes))
        for outcome in bad[:50]:
            print(
                f"{outcome.verdict} {outcome.model} {outcome.number} {outcome.kind}: {outcome.message[:160]}"
            )
        if bad:
            print(f"kept in {given.keep}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
