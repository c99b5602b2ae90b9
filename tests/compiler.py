"""A stand-in for `edgetpu_compiler`, and what the real one says.

The lines and their order are those of version 16.0.384591198, as users show them in the issues of
google-coral/edgetpu (#490, #512, #671): with everything mapped it does not count what stays on the CPU.
"""

import shutil
from pathlib import Path

VERSION = "16.0.384591198"
STARTED = f"Edge TPU Compiler version {VERSION}\nStarted a compilation timeout timer of 180 seconds.\n"
UNSPECIFIED = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
SECOND = "More than one subgraph is not supported"
MAPPED = "Mapped to Edge TPU"
# The shipped `digits`, operator by operator.
DIGITS = (
    ("CONV_2D", 2, MAPPED),
    ("MAX_POOL_2D", 2, MAPPED),
    ("RESHAPE", 1, MAPPED),
    ("FULLY_CONNECTED", 2, MAPPED),
    ("SOFTMAX", 1, MAPPED),
)
WITHOUT_SOFTMAX = (*DIGITS[:-1], ("SOFTMAX", 1, UNSPECIFIED))
# What learning appends, after a mean: tests/nearness.py.
COLORS = (
    ("MEAN", 1, MAPPED),
    ("FULLY_CONNECTED", 1, MAPPED),
    ("SOFTMAX", 1, MAPPED),
    ("L2_NORMALIZATION", 1, MAPPED),
    ("FULLY_CONNECTED", 1, MAPPED),
)
NOTHING = tuple((operator, count, SECOND) for operator, count, _ in DIGITS)

NOT_QUANTIZED = f"Edge TPU Compiler version {VERSION}\nInvalid model: {{model}}\nModel not quantized\n"
INTERNAL = "Edge TPU Compiler version 14.1.317412892\n\nInternal compiler error. Aborting! \n"
TOO_LARGE = (
    f"{STARTED}ERROR: Restored original execution plan after delegate application failure.\n"
    "Compilation failed: Compilation failed due to large activation tensors in model.\n"
    "Compilation child process completed within timeout period.\nCompilation failed! \n"
)
GAVE_UP = (
    f"{STARTED}Compilation timeout. This is usually caused by large activations.\nCompilation failed! \n"
)


def table(rows):
    lines = [f"{operator:<30} {count:<10} {status}" for operator, count, status in rows]
    return "\n".join(["Operator                       Count      Status", "", *lines, ""])


def compiled_log(rows, with_table=True):
    """What is said of a model that was compiled."""
    mapped = sum(count for _, count, status in rows if status == MAPPED)
    total = sum(count for _, count, _ in rows)
    lines = [
        f"{STARTED}",
        "Model compiled successfully in 557 ms.",
        "",
        "Input model: {model}",
        "Input size: 125.17KiB",
        "Output model: int8_edgetpu.tflite",
        "Output size: 180.45KiB",
        "On-chip memory used for caching model parameters: 133.75KiB",
        "On-chip memory remaining for caching model parameters: 7.57MiB",
        "Off-chip memory used for streaming uncached model parameters: 0.00B",
        f"Number of Edge TPU subgraphs: {int(mapped > 0)}",
        f"Total number of operations: {total}",
        "Operation log: int8_edgetpu.log",
        "",
    ]
    if mapped < total:
        lines += [
            "Model successfully compiled but not all operations are supported by the Edge TPU. A percentage "
            "of the model will instead run on the CPU, which is slower. If possible, consider updating your "
            "model to use only operations supported by the Edge TPU. For details, visit "
            "g.co/coral/model-reqs.",
            f"Number of operations that will run on Edge TPU: {mapped}",
            f"Number of operations that will run on CPU: {total - mapped}",
            "",
        ]
    if with_table:
        lines.append(table(rows))
    lines += ["Compilation child process completed within timeout period.", "Compilation succeeded! "]
    return "\n".join(lines) + "\n"


class Compiler:
    """A program of that name on the PATH, in `folder`; like the real one a shell script."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def install(self, said="", output=None, log="", then="exit 0"):
        """Let it say so, write so, and end so; it keeps the arguments that it was given."""
        for name, content in (("said", said.encode()), ("output", output), ("log", log.encode())):
            path = self.folder / name
            path.unlink(missing_ok=True)
            if content:
                path.write_bytes(content)
        program = self.folder / "edgetpu_compiler"
        program.write_text(
            f"""#!/bin/sh
cd '{self.folder}'
printf '%s\\n' "$@" > asked
for last; do :; done
[ -f said ] && while IFS= read -r line; do
  case "$line" in *"{{model}}") printf '%s\\n' "${{line%{{model\\}}}}$last";; *) printf '%s\\n' "$line";; esac
done < said
cp "$last" input
[ -f output ] && cp output "$3/int8_edgetpu.tflite"
[ -f log ] && cp log "$3/int8_edgetpu.log"
{then}
"""
        )
        program.chmod(0o755)

    @property
    def asked(self):
        return (self.folder / "asked").read_text().splitlines()

    @property
    def input(self):
        return (self.folder / "input").read_bytes()

    def remove(self):
        shutil.rmtree(self.folder)
        self.folder.mkdir()
