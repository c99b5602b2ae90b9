"""The cost of each operator of a model: multiplications and bytes, and its time where a tool reports it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from edgecnn.tflite.file import ITEM_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.bench.benchmark_model import Timed
    from edgecnn.tflite.file import TfliteFile


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """One operator: its output shape, multiplications, and bytes of weights and activations.

    Activations count as read and written. `ms` is None where it was not measured.
    """

    index: int
    operator: str
    shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    activation_bytes: int
    ms: float | None = None


@dataclass(frozen=True, slots=True)
class Operators:
    """All operators of one variant in order.

    `others` are rows of the tool that match no operator of the file, such as XNNPACK's kernels, which fuse
    several. `untimed` is the reason for missing times; "" where there are times.
    """

    variant: str
    costs: tuple[OperatorCost, ...]
    others: tuple[Timed, ...] = ()
    untimed: str = ""

    @property
    def macs(self) -> int:
        """All multiplications."""
        return sum(cost.macs for cost in self.costs)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        macs = self.macs
        return {
            "variant": self.variant,
            "operators": [
                asdict(c) | {"shape": list(c.shape), "share": round(c.macs / macs, 6) if macs else None}
                for c in self.costs
            ],
            "kernels": [asdict(t) for t in self.others],
            "untimed": self.untimed or None,
        }


def operators(variant: str, file: TfliteFile) -> Operators:
    """Return the operators of a model file, without times."""
    costs = []
    for index, operator in enumerate(file.graph):
        read = [file.tensors[k] for k in operator.inputs]
        written = [file.tensors[k] for k in operator.outputs]
        size = {
            constant: sum(
                math.prod(t.shape) * ITEM_BYTES.get(t.dtype, 4)
                for t in [*read, *written]
                if t.constant == constant
            )
            for constant in (True, False)
        }
        shape = written[0].shape if written else ()
        costs.append(OperatorCost(index, operator.name, shape, operator.macs, size[True], size[False]))
    return Operators(variant, tuple(costs))


def with_times(found: Operators, timed: Sequence[Timed]) -> Operators:
    """Add times to the operators with the same index and type; keep the other rows in `others`."""
    costs = list(found.costs)
    others = []
    for row in timed:
        if row.node is not None and row.node < len(costs) and costs[row.node].operator == row.kind:
            costs[row.node] = replace(costs[row.node], ms=(costs[row.node].ms or 0) + row.ms)
        else:
            others.append(row)
    return replace(found, costs=tuple(costs), others=tuple(others))
