import json
import shutil

import pytest

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.evaluation.held_out import HeldOut, difference_interval, held_out, is_worse, why_worse
from edgecnn.evaluation.interval import wilson


def measured(right, images):
    share = right / images
    return HeldOut(share, wilson(share, images), 1 - wilson(1 - share, images), images)


@pytest.fixture
def stating(tmp_path):
    """Return copies of the digits bundle that state another accuracy."""

    def make(accuracy, images, interval=None, name="digits", labels=None):
        folder = shutil.copytree(find("digits"), tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}")
        manifest = json.loads((folder / "bundle.json").read_text())
        manifest["variants"]["int8"]["accuracy"] = accuracy
        manifest["accuracy"] = {"test_pictures": images, "interval": interval}
        if labels:
            manifest["labels"] = labels
            (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
        (folder / "bundle.json").write_text(json.dumps(manifest))
        return read_bundle(folder)

    return make


@pytest.mark.parametrize(
    ("new", "old", "interval"),
    # Newcombe 1998 (Statistics in Medicine 17, 873), table II, method 10.
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(new, old, interval):
    assert difference_interval(measured(*new), measured(*old)) == pytest.approx(interval, abs=6e-5)
    mirrored = tuple(-end for end in reversed(interval))
    assert difference_interval(measured(*old), measured(*new)) == pytest.approx(mirrored, abs=6e-5)


def test_only_more_than_chance_is_worse():
    assert is_worse(measured(48, 80), measured(56, 70))
    assert not is_worse(measured(56, 70), measured(48, 80))
    assert not is_worse(measured(19, 20), measured(20, 20)), "one mistake in 20 is chance"
    assert not is_worse(measured(20, 20), measured(20, 20))
    assert is_worse(measured(9_800, 10_000), measured(9_900, 10_000))


def test_it_is_what_the_bundle_states(stating):
    assert held_out(read_bundle(find("digits"))) == measured(9_921, 10_000)
    assert held_out(stating(0.9, 40, [0.7, 0.98])) == HeldOut(0.9, 0.7, 0.98, 40)
    assert held_out(stating(0.9, 40)) == measured(36, 40)
    for bundle in (None, stating(None, 40), stating(0.9, 0)):
        assert held_out(bundle) is None


def test_the_reason_has_both_accuracies(stating):
    good, bad = stating(0.95, 200), stating(0.6, 100)
    why = why_worse(bad, good)
    assert why == (
        "it is right on 60.0% of 100 images (95% interval 50.2% to 69.1%) that it has not learned from, "
        "the old one on 95.0% of 200 images (95% interval 91.0% to 97.3%)"
    )
    others = stating(0.6, 100, labels=list("abcdefghij"))
    assert why_worse(others, good).endswith("; their classes differ")
    # Near duplicates leave few photos on their own, so the manifest's interval is wider than Wilson's.
    assert why_worse(stating(0.6, 100, [0.2, 0.97]), good) is None


def test_what_is_not_measured_is_not_worse(stating):
    bundle = stating(0.95, 200)
    assert why_worse(bundle, None) is None
    assert why_worse(None, bundle) is None
    assert why_worse(stating(None, 200), bundle) is None
    assert why_worse(bundle, bundle) is None
