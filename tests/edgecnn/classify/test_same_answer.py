"""The same file gives the same answer by every way into the product, and as good a one as in full."""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.camera.files import FilesCamera
from edgecnn.classify.classifier import DECODED_SIDES, Classifier
from edgecnn.dataset import open_source
from edgecnn.evaluation.evaluate import evaluate_variants
from edgecnn.image.file import decode_image, reduction
from edgecnn.image.preprocess import crop
from edgecnn.image.shrink import shrink
from edgecnn.live.loop import run
from edgecnn.live.sink import Sink
from tests.images import textured

MODEL = "cifar10"


def photo(width=640, height=480, turn=0):
    """Detail of every size, uint8 height×width×3: as in photos, colours differ less than brightness."""
    parts = [np.rot90(textured(max(width, height)), k + turn)[:height, :width] for k in range(3)]
    return np.stack([0.7 * parts[0] + 0.3 * part for part in parts], axis=-1).astype(np.uint8)


def jpeg(image, *options):
    return coded(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 92, *options)


def turned(image):
    """A JPEG that says it lies on its side, as phones write them."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return pillow(Image.fromarray(image), "jpeg", exif=exif)


def coded(image, kind, *options):
    return cv2.imencode(kind, image, options)[1].tobytes()


def pillow(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rgba(image):
    return np.dstack([image, np.tile(np.arange(image.shape[1], dtype=np.uint8), (image.shape[0], 1))])


FILES = {
    "plain.jpg": lambda: jpeg(photo()),
    "progressive.jpg": lambda: jpeg(photo(turn=1), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "small.jpg": lambda: jpeg(photo(100, 80)),
    "grey.jpg": lambda: jpeg(photo()[..., 0]),
    "turned.jpg": lambda: turned(photo(turn=2)),
    "cmyk.jpg": lambda: pillow(Image.fromarray(photo()).convert("CMYK"), "jpeg", quality=92),
    "deep.png": lambda: coded(photo(turn=3).astype(np.uint16) * 257, ".png"),
    "see-through.png": lambda: coded(rgba(photo()), ".png"),
    "palette.png": lambda: pillow(Image.fromarray(photo()).quantize(64), "png"),
    "lossless.webp": lambda: coded(photo(), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}

CLASS = {name: ("cat", "dog")[k % 2] for k, name in enumerate(FILES)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset of two classes."""
    found = tmp_path_factory.mktemp("photos")
    for name, make in FILES.items():
        (found / CLASS[name]).mkdir(exist_ok=True)
        (found / CLASS[name] / name).write_bytes(make())
    return found


@pytest.fixture(scope="module")
def expected(folder):
    """The scores of every file by `Classifier.classify`."""
    with edgecnn.load(MODEL) as classifier:
        return {name: rounded(classifier.classify(folder / CLASS[name] / name)) for name in sorted(FILES)}


def rounded(predictions):
    return {p.label: round(p.score, 6) for p in predictions}


def lines(text):
    """Scores by file of `--json` or `--jsonl`."""
    told = [json.loads(line) for line in text.splitlines()]
    return {t["source"].rpartition("/")[2]: {p["label"]: p["score"] for p in t["predictions"]} for t in told}


def test_classify_says_what_python_says(run_cli, folder, expected):
    assert lines(run_cli("classify", folder, "--model", MODEL, "--json", "--top", 10).out) == expected


class Scores(Sink):
    def __init__(self, *, looks):
        self.needs_picture = looks
        self.found = {}
        self.sizes = set()

    def show(self, result, stats):
        self.found[result.frame.source.rpartition("/")[2]] = rounded(result.predictions)
        self.sizes.add(result.frame.pixels.shape[:2])


@pytest.mark.parametrize("looks", [False, True], ids=["figures", "images"])
def test_live_gives_the_same_scores_with_and_without_a_view(folder, expected, looks):
    sink = Scores(looks=looks)
    with edgecnn.load(MODEL) as classifier, FilesCamera(str(folder)) as camera:
        run(classifier, camera, [sink], top=10)
    assert sink.found == expected
    assert ((120, 160) in sink.sizes) != looks, "a view gets whole images, the model alone small ones"


def test_so_does_the_command_live(run_cli, folder, expected, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = run_cli("live", "--source", folder, "--model", MODEL, "--jsonl", out, "--show", "none")
    assert ran.code == 0
    told = lines(out.read_text())
    assert told == {name: {k: scores[k] for k in list(scores)[:3]} for name, scores in expected.items()}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_evaluate_gives_the_model_the_same(folder, expected, tmp_path, monkeypatch, packed):
    data = folder
    if packed:
        data = tmp_path / "photos.zip"
        with zipfile.ZipFile(data, "w") as archive:
            for name in FILES:
                archive.write(folder / CLASS[name] / name, f"{CLASS[name]}/{name}")
    source, given = open_source(data), []
    classify = Classifier.classify

    def watched(self, image, top=None, *, rgb=False):
        given.append(rounded(classify(self, image)))
        return classify(self, image, top)

    monkeypatch.setattr(Classifier, "classify", watched)
    with edgecnn.load(MODEL) as classifier:
        evaluate_variants({"int8": classifier}, source, source.items)
    assert dict(zip([i.id.rpartition("/")[2] for i in source.items], given, strict=True)) == expected


def spec(side):
    return InputSpec(side, side, "rgb", "crop", "halved", (0.0, 1.0), "nhwc", ())


def seen(image, side, method="halved"):
    return shrink(crop(image, spec(side)), side, side, method).astype(float)


def apart(one, other):
    return float(np.sqrt(np.mean((one - other) ** 2)))


# Two pixels and more are left for one of the model, at each size at which a JPEG can be decoded.
@pytest.mark.parametrize(
    ("width", "height", "side"), [(640, 480, 64), (640, 480, 96), (320, 240, 32), (1280, 960, 128)]
)
def test_a_model_sees_what_it_would_see_in_full(width, height, side):
    data = jpeg(photo(width, height))
    least = DECODED_SIDES * side
    whole = seen(decode_image(data, "it"), side)
    small, smallest = (seen(decode_image(data, "it", reduce=reduction(data, n)), side) for n in (least, side))
    assert reduction(data, least) == 2
    assert apart(small, whole) < 1
    assert apart(smallest, whole) > 2.5, "what was decoded to just above the model's side is another image"


def test_what_is_much_larger_comes_nearer_to_an_exact_average():
    """In full so large an image is sampled, so the exact average is what to go by."""
    data = jpeg(photo())
    exact = seen(decode_image(data, "it"), 32, "area")
    small, smallest = (
        seen(decode_image(data, "it", reduce=reduction(data, least)), 32) for least in (64, 32)
    )
    assert apart(small, exact) < 0.75 * apart(smallest, exact)


def test_a_classifier_asks_for_twice_its_side():
    with edgecnn.load(MODEL) as classifier:
        assert classifier.least_side == 2 * classifier.model.input.width
