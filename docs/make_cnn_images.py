"""Makes the figures of docs/cnn.md that show shipped models and augmentation, and prints its numbers.

EDGECNN_DATA=/path/to/data python docs/make_cnn_images.py [NAME …]

The folder holds mnist/ (the four IDX files) and trashnet.zip. Without names all are made.
It needs no TensorFlow; make_cnn_runs.py, which does, makes the others.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from edgecnn.bundle import bundle
from edgecnn.dataset import find_data, open_source
from edgecnn.tflite.file import read_tflite
from edgecnn_train.data import load_data
from edgecnn_train.recipe import AugmentSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.splits import stratified

OUT = Path(__file__).parent / "cnn"
MAP, SIGNED = "viridis", "RdBu_r"
plt.rcParams.update(
    {"font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False}
)
plt.rcParams.update(
    {"figure.facecolor": "white", "legend.frameon": False, "figure.constrained_layout.use": True}
)


def save(figure, name, colors=96):
    """Write a figure as a small PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(colors, dither=Image.Dither.NONE).save(
        OUT / f"{name}.png", optimize=True
    )


def digits(count, first=0):
    """Images of MNIST's training split, stratified by class: uint8 N×28×28×1, and their labels."""
    if "mnist" not in _kept:
        recipe = read_recipe("mnist-classic")
        _kept["mnist"] = load_data(open_source(find_data("mnist", None, "MNIST")), recipe, print).train
    split = _kept["mnist"]
    chosen = stratified(split.labels, first + count, np.random.default_rng(0))
    chosen = np.random.default_rng(1).permutation(chosen)[first:]
    return split.take(chosen)


_kept: dict[str, object] = {}


def an_eight():
    """Return the image that most of the document looks at."""
    split = digits(200)
    return split.images[np.flatnonzero(split.labels == 8)[1]]


def run(variant, image):
    """Run the shipped classic network on an image; return its steps: operator, input, weights, output."""
    from ai_edge_litert.interpreter import Interpreter

    content = (bundle.find("mnist-classic") / f"{variant}.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    tensor = image[None] / np.float32(255) if variant == "float32" else (image ^ 0x80).view(np.int8)[None]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], tensor)
    interpreter.invoke()
    details = {d["index"]: d["quantization_parameters"] for d in interpreter.get_tensor_details()}

    def real(index):
        value, q = interpreter.get_tensor(index), details[index]
        if not len(q["scales"]):
            return value
        shape = [-1 if axis == q["quantized_dimension"] else 1 for axis in range(value.ndim)]
        scale, zero = (
            q[k].reshape(shape) if len(q["scales"]) > 1 else q[k] for k in ("scales", "zero_points")
        )
        return (value.astype(np.float64) - zero) * scale

    return [
        SimpleNamespace(
            name=op.name,
            given=real(op.inputs[0]),
            weights=[real(i) for i in op.inputs[1:]],
            result=real(op.outputs[0]),
            scales=[details[i]["scales"] for i in op.inputs[1:]],
            range=details[op.outputs[0]],
        )
        for op in read_tflite(content, variant).graph
    ]


def grid(axes, values, form="{:.2f}", size=8, cmap=SIGNED, limit=None):
    """Show a small matrix as colours and numbers."""
    limit = limit or np.abs(values).max()
    low = -limit if cmap == SIGNED else 0
    axes.imshow(values, cmap=cmap, vmin=low, vmax=limit)
    for (y, x), value in np.ndenumerate(values):
        dark = abs(value) > 0.6 * limit if cmap == SIGNED else value < 0.55 * limit
        axes.text(
            x, y, form.format(value), ha="center", va="center", fontsize=size, color="w" if dark else "k"
        )
    axes.set(xticks=[], yticks=[])


def show(axes, image, title="", cmap="gray", **limits):
    """Show an image without axes."""
    axes.imshow(image, cmap=cmap, interpolation="nearest", **limits)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_title(title)


def image():
    eight = an_eight()[..., 0]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=(1, 1.2))
    show(left, eight, "28×28 pixels")
    left.add_patch(plt.Rectangle((12.5, 7.5), 11, 9, fill=False, color="tab:orange", lw=2))
    grid(right, eight[8:17, 13:24], "{:.0f}", 7, "gray", 255)
    right.set_title("the pixels in the frame, 0 is black and 255 is white")
    save(figure, "image", 64)


def convolution():
    eight = an_eight()
    step = run("float32", eight)[0]
    kernels, bias = step.weights
    strongest = int(step.result[0].std(axis=(0, 1)).argmax())
    kernel, b = kernels[strongest, :, :, 0], bias[strongest]
    pixels, out = eight[..., 0] / 255, step.result[0, :, :, strongest]
    y, x = np.unravel_index(out.argmax(), out.shape)
    patch = pixels[y : y + 3, x : x + 3]
    np.testing.assert_allclose(max(0, (patch * kernel).sum() + b), out[y, x], atol=1e-4)
    figure, axes = plt.subplots(1, 5, figsize=(10, 2.5), width_ratios=(1.3, 1, 1, 1, 1.3))
    show(axes[0], pixels, "image, 0 to 1")
    axes[0].add_patch(plt.Rectangle((x - 0.5, y - 0.5), 3, 3, fill=False, color="tab:orange", lw=2))
    grid(axes[1], patch, cmap="gray", limit=1)
    axes[1].set_title("window")
    grid(axes[2], kernel)
    axes[2].set_title(f"× kernel {strongest + 1} of 32")
    grid(axes[3], patch * kernel)
    axes[3].set_title("= products")
    axes[3].set_xlabel(f"sum {(patch * kernel).sum():.2f}, bias {b:+.3f}: {out[y, x]:.2f}")
    show(axes[4], out, "feature map, 26×26", MAP)
    axes[4].add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, color="tab:orange", lw=2))
    save(figure, "convolution")


def layers():
    steps = run("float32", an_eight())
    best = np.argsort(-steps[0].result[0].std(axis=(0, 1)))[:8]
    later = np.argsort(-steps[2].result[0].std(axis=(0, 1)))[:8]
    figure, axes = plt.subplots(4, 8, figsize=(9, 4.7))
    for k, (first, second) in enumerate(zip(best, later, strict=True)):
        kernel = steps[0].weights[0][first, :, :, 0]
        show(axes[0, k], kernel, cmap=SIGNED, vmin=-np.abs(kernel).max(), vmax=np.abs(kernel).max())
        show(axes[1, k], steps[0].result[0, :, :, first], cmap=MAP)
        show(axes[2, k], steps[1].result[0, :, :, first], cmap=MAP)
        show(axes[3, k], steps[2].result[0, :, :, second], cmap=MAP)
    names = ("kernels\n3×3", "conv1\n26×26", "pool1\n13×13", "conv2\n11×11")
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name)
    save(figure, "layers", 128)


def pooling():
    result = run("float32", an_eight())[0].result[0]
    channel = int(result.std(axis=(0, 1)).argmax())
    y, x = 6, 10
    part = result[y : y + 6, x : x + 6, channel]
    blocks = part.reshape(3, 2, 3, 2)
    figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), width_ratios=(1.6, 1, 1))
    for axis, values, title in (
        (axes[0], part, f"6×6 of a feature map (mean of all 26×26: {result[..., channel].mean():.2f})"),
        (axes[1], blocks.max(axis=(1, 3)), "maximum of each 2×2"),
        (axes[2], blocks.mean(axis=(1, 3)), "average of each 2×2"),
    ):
        grid(axis, values, cmap=MAP, limit=part.max())
        axis.set_title(title)
    for line in (1.5, 3.5):
        axes[0].axhline(line, color="w", lw=2)
        axes[0].axvline(line, color="w", lw=2)
    save(figure, "pooling")


def softmax():
    steps = run("float32", an_eight())
    logits, scores = steps[-1].given[0], steps[-1].result[0]
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.4))
    for axis, values, title in (
        (axes[0], logits, "logits: what the last dense layer says"),
        (axes[1], scores, "softmax: probabilities"),
        (axes[2], np.exp(logits / 4) / np.exp(logits / 4).sum(), "softmax of logits / 4 (temperature 4)"),
    ):
        axis.bar(
            range(10), values, color=["tab:orange" if k == values.argmax() else "tab:blue" for k in range(10)]
        )
        axis.set(title=title, xticks=range(10))
    save(figure, "softmax", 32)


CHANGES = {
    "shift": 0.15, "crop": 0.2, "scale": 0.4, "rotate": 30.0, "perspective": 0.6, "flip": True, "light": 0.6,
    "color": 0.6, "blur": 3.0, "noise": 50.0, "speckle": 0.6, "cutout": 0.5, "mixup": 1.0, "cutmix": 1.0,
    "randaugment": 8.0, "paper": True, "clean": 0.5,
}  # fmt: skip


def augmentation():
    from edgecnn_train.augment import augment
    from edgecnn_train.augment.mix import mix
    from edgecnn_train.batches import scaled

    source = open_source(Path(os.environ["EDGECNN_DATA"]) / "trashnet.zip")
    chosen = [next(i for i in source.items if i.label == k) for k in (3, 2)]
    photos = [np.ascontiguousarray(source.read(i)[::2, ::2, ::-1]) for i in chosen]
    eight = np.repeat(np.kron(an_eight(), np.ones((3, 3, 1), np.uint8)), 3, axis=2)[4:79, 4:79]
    rows = -(-len(CHANGES) // 2)
    figure, axes = plt.subplots(
        rows, 11, figsize=(9.5, 0.925 * rows), width_ratios=(1,) * 5 + (0.15,) + (1,) * 5
    )
    for axis in [*axes[:, 5], *(axes[-1, 6:] if len(CHANGES) % 2 else [])]:
        axis.axis("off")
    for k, (name, value) in enumerate(CHANGES.items()):
        row = axes[k % rows, 6 * (k // rows) :]
        spec = (
            AugmentSpec(**{name: value}) if name != "clean" else AugmentSpec(rotate=30, noise=50, clean=value)
        )
        plain = eight if name == "paper" else photos[0]
        batch = np.stack([plain, photos[1]] * 2) if "mix" in name else np.stack([plain] * 4)
        # Seeds for which four images show what a change can do.
        changed = scaled(augment(batch, spec, np.random.default_rng(0 if name == "blur" else 5)))
        changed, shares = mix(
            changed, np.eye(2, dtype=np.float32)[[0, 1] * 2], spec, np.random.default_rng(63)
        )
        show(row[0], plain)
        for axis, after, share in zip(row[1:5], changed, shares, strict=True):
            show(axis, after)
            if "mix" in name:
                axis.set_xlabel(f"{share[0]:.2f} / {share[1]:.2f}", fontsize=6, labelpad=1)
        row[0].set_ylabel(f"{name}\n{str(value).lower()}", fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    plt.close(figure)
    Image.open(buffer).convert("RGB").save(OUT / "augmentation.jpg", quality=82)


def quantization():
    images = digits(40).images
    runs = [(run("float32", p), run("int8", p)) for p in images]
    float32, int8 = runs[0]
    weights, rounded = float32[2].weights[0], int8[2].weights[0]
    scales = int8[2].scales[0]
    np.testing.assert_allclose(scales, np.abs(weights).max(axis=(1, 2, 3)) / 127, rtol=1e-4)
    one = np.abs(weights).max() / 127
    signal = (weights**2).sum()
    decibel = [
        10 * np.log10(signal / ((weights - r) ** 2).sum()) for r in (rounded, np.rint(weights / one) * one)
    ]
    print(f"conv2 weights: {decibel[0]:.1f} dB per channel, {decibel[1]:.1f} dB with one scale")
    print(f"scales of conv2's channels: {scales.min():.5f} to {scales.max():.5f}")
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.7))
    smallest = int(scales.argmin())
    axes[0].hist(weights.ravel(), 120, color="tab:blue")
    axes[0].set(title=f"conv2: {weights.size:,} weights", yticks=[], xlabel="value")
    axes[1].plot(np.sort(scales * 127), label="its own (per channel)")
    axes[1].axhline(one * 127, color="tab:red", ls="--", label="one for all")
    axes[1].set(title="the range that 127 steps cover", xlabel="channels of conv2, sorted", ylim=(0, None))
    axes[1].legend(fontsize=7)
    own = np.sort(weights[smallest].ravel())
    for scale, label, color in (
        (one, "one scale for all", "tab:red"),
        (scales[smallest], "its own", "tab:blue"),
    ):
        axes[2].plot(own, 1000 * (np.rint(own / scale) * scale - own), ".", ms=3, color=color, label=label)
    axes[2].set(title="rounding errors of one channel × 1,000", xlabel="its weights")
    axes[2].legend(fontsize=7, loc="lower right", frameon=True)
    names = ("conv1", "pool1", "conv2", "pool2", "flatten", "dense1", "logits", "scores")
    values = []
    for k, name in enumerate(names):
        a = np.concatenate([r[0][k].result.ravel() for r in runs])
        b = np.concatenate([r[1][k].result.ravel() for r in runs])
        values.append(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()))
        print(f"{name}: {values[-1]:.1f} dB", end="; ")
    print()
    axes[3].bar(range(len(names)), values)
    axes[3].set(title="signal to rounding noise, dB", xticks=range(len(names)))
    axes[3].set_xticklabels(names, rotation=60)
    save(figure, "quantization", 64)


def robustness():
    import subprocess

    command = [sys.executable, "-m", "edgecnn", "evaluate", "digits", "--data", "mnist", "--corruptions"]
    subprocess.run(  # noqa: S603 - our own command
        [*command, "--limit", "300", "--plot", str(OUT / "robustness.png")], check=True
    )
    image = Image.open(OUT / "robustness.png").convert("RGB")
    image.thumbnail((1000, 1000))
    image.quantize(96, dither=Image.Dither.NONE).save(OUT / "robustness.png", optimize=True)


FIGURES = (
    image, convolution, layers, pooling, softmax, augmentation, quantization, robustness,
)  # fmt: skip


def main(figures):
    """Make the figures that are named on the command line, or all."""
    OUT.mkdir(exist_ok=True)
    for make in figures:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            print(make.__name__)
            make()


if __name__ == "__main__":
    main(FIGURES)
