"""Where a model's work is: multiplications and bytes of each operator, and its time where a tool tells."""

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
    """One operator: what it writes, its multiplications, and the bytes that pass.

    Weights are read; activations are read and written. `ms` is None where nobody told.
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
    """All operators of one variant in their order.

    `others` are rows of the tool that stand for no operator of the file, such as XNNPACK's kernels, which
    run several at once. `untimed` says why there are no times; "" where there are.
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
    """Return what a file says of its operators."""
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
    """Put times to the operators that they are of, by place and kind; keep the other rows apart."""
    costs = list(found.costs)
    others = []
    for row in timed:
        if row.node is not None and row.node < len(costs) and costs[row.node].operator == row.kind:
            costs[row.node] = replace(costs[row.node], ms=(costs[row.node].ms or 0) + row.ms)
        else:
            others.append(row)
    return replace(found, costs=tuple(costs), others=tuple(others))
