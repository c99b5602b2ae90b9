"""The shared third-party models on real photos, against a script that knows nothing of edgecnn."""

import zipfile

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn

PHOTOS = 200


def photos(archive, folder):
    """Every nth photo of an archive, BGR."""
    with zipfile.ZipFile(archive) as opened:
        listed = sorted(n for n in opened.namelist() if n.startswith(folder))
        names = [n for n in listed if n.endswith((".webp", ".jpg", ".png"))]
        for name in names[:: len(names) // PHOTOS][:PHOTOS]:
            yield cv2.imdecode(np.frombuffer(opened.read(name), np.uint8), cv2.IMREAD_COLOR)


def resized(image, width, height):
    """Means of 2×2 pixels, while four to a side are left for one, or two and a little; then cubic."""
    ratio = halves = min(image.shape[1] / width, image.shape[0] / height)
    while halves >= 4 or 2 <= halves <= 2.6:
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2].astype(int)
        sums = even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2]
        image = ((sums + 2) // 4).astype(np.uint8)
        halves = min(image.shape[1] / width, image.shape[0] / height)
    assert ratio <= 1 or halves <= 1.3, "no image of these is shrunk in another way"
    kind = cv2.INTER_LINEAR if halves == ratio else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=kind)


def plain(interpreter, image, low, high):
    """Return the best class: resize, RGB, the model's range, its quantization."""
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    _, height, width, _ = entry["shape"]
    pixels = cv2.cvtColor(resized(image, width, height), cv2.COLOR_BGR2RGB).astype(np.float64)
    real = low + pixels / 255 * (high - low)
    if entry["dtype"] != np.float32:
        scale, zero_point = entry["quantization"]
        limits = np.iinfo(entry["dtype"])
        real = np.clip(np.floor(real / scale + 0.5001) + zero_point, limits.min, limits.max)
    interpreter.set_tensor(entry["index"], real.astype(entry["dtype"])[None])
    interpreter.invoke()
    return int(interpreter.get_tensor(result["index"])[0].argmax())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "value_range"),
    [
        ("coral/mobilenet_v2_1.0_224_quant", (-1, 1)),
        ("coral/tf2_mobilenet_v2_1.0_224_ptq", (-1, 1)),
        ("mlperf_tiny/pretrainedResnet_quant", (0, 255)),
        ("mlperf_tiny/pretrainedResnet", (0, 255)),
    ],
)
@pytest.mark.parametrize(("data", "folder"), [("trashnet.zip", ""), ("cifar10.zip", "test/")])
def test_the_best_class_is_that_of_a_plain_script(shared, tmp_path, model, value_range, data, folder):
    path = shared / "models" / f"{model}.tflite"
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    told = {}
    if model.startswith("mlperf"):
        (tmp_path / "labels.txt").write_text("\n".join("abcdefghij"))
        told["labels"] = tmp_path / "labels.txt"
        if "quant" not in model:
            told["value_range"] = value_range
    seen, best = 0, set()
    with edgecnn.load(path, **told) as classifier:
        for image in photos(shared / "data" / data, folder):
            expected = plain(interpreter, image, *value_range)
            assert classifier.classify(image, 1)[0].index == expected
            best.add(expected)
            seen += 1
    assert seen == PHOTOS
    assert len(best) > 5
