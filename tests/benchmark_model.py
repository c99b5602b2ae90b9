"""A stand-in for TensorFlow Lite's `benchmark_model`, and what the real one prints.

The lines are those of the tool of TensorFlow 2.4 to 2.17, as their users show them in issues: `[start]` was a
column at first, newer ones begin lines with INFO; what XNNPACK runs is one row for each of its kernels.
"""

from pathlib import Path

HEAD = """STARTING!
Log parameter values verbosely: [0]
Loaded model {model}
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
The input model file size (MB): 0.128224
Initialized session in 3.1ms.
Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 10 seconds.
count=31072 first=41 curr=27 min=27 max=1211 avg=31.2 std=9

Inference timings in us: Init: 3100, First inference: 1200, Warmup (avg): 35, Inference (avg): 31.2
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t         AllocateTensors\t    0.021\t    0.021\t100.000%\t100.000%\t     0.000\t        1\tAllocateTensors/0

Number of nodes executed: 1
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t         AllocateTensors\t        1\t     0.021\t   100.000%\t   100.000%\t     0.000\t        1

"""
SECTION = "{info}Operator-wise Profiling Info for Regular Benchmark Runs:\n"
RUN_ORDER = "============================== Run Order ==============================\n"
BEHIND = """
============================== Top by Computation Time ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                     NOT\t    9.000\t    9.000\t 90.000%\t 90.000%\t     0.000\t        1\tthis one:0

Timings (microseconds): count=31072 first=41 curr=27
Memory (bytes): count=0
3 nodes observed
"""
# kind, average in ms, calls, name
BUILTIN = (
    ("CONV_2D", 0.010, 1, "[classic/conv1/Relu;classic/conv1/Conv2D]:0"),
    ("MAX_POOL_2D", 0.002, 1, "[classic/pool1/MaxPool2d]:1"),
    ("CONV_2D", 0.012, 1, "[classic/conv2/Relu]:2"),
)
XNNPACK = (
    ("Convolution (NHWC, QC8) IGEMM", 0.006, 2, "Delegate/Convolution (NHWC, QC8) IGEMM:0"),
    ("Max Pooling (NHWC, S8)", 0.001, 2, "Delegate/Max Pooling (NHWC, S8):1"),
    ("RESHAPE", 0.001, 1, "[classic/flatten/Reshape]:4"),
)


def printed(rows, *, start=False, info="", spaces=False):
    """What the tool prints of these rows."""
    starts = "\t          [start]" if start else ""
    lines = [
        f"\t             [node type]{starts}\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]"
        "\t[times called]\t[Name]"
    ]
    for kind, ms, calls, name in rows:
        begun = "\t            0.000" if start else ""
        lines.append(
            f"\t{kind:>24}{begun}\t{ms:9.3f}\t{ms:9.3f}\t{33.3:7.3f}%\t{66.6:7.3f}%\t{0:10.3f}\t{calls:9d}\t{name}"
        )
    table = "\n".join(lines)
    if spaces:
        table = table.expandtabs(12)
    return HEAD + SECTION.format(info=info) + RUN_ORDER + table + "\n" + BEHIND


def install(folder, said, then="exit 0"):
    """Put a program of that name there, which says so; it keeps the arguments and the model it was given."""
    folder = Path(folder)
    (folder / "said").write_text(said)
    program = folder / "benchmark_model"
    program.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" > '{folder}/asked'
cp "${{1#--graph=}}" '{folder}/given'
cat '{folder}/said'
{then}
"""
    )
    program.chmod(0o755)
    return str(program)
