import numpy as np
import pytest

from edgecnn.learning.crossval import Choice, Fold, answer, make_folds
from edgecnn.learning.curve import Point, enough, forecast, learning_curve
from tests.edgecnn.learning.made import directions, made

CHOICE = Choice(0.1, ("plain",))


def curve(sizes, errors):
    return [Point(n, 1 - e, 0, 1) for n, e in zip(sizes, errors, strict=True)]


@pytest.mark.parametrize("power", [0.2, 0.5, 1.0])
def test_the_forecast_is_exact_for_power_laws(power):
    sizes = (5, 10, 20, 50, 90)
    errors = [0.4 * (n / 5) ** -power for n in sizes]
    assert forecast(curve(sizes, errors)) == pytest.approx(errors[-1] * (1 - 2**-power), rel=1e-6)


def test_the_forecast_rests_on_the_last_points():
    """Four that fall with the root; what came before does not count."""
    sizes = (5, 10, 20, 50, 100, 200)
    errors = [0.9, 0.9, *(n**-0.5 for n in sizes[2:])]
    assert forecast(curve(sizes, errors)) == pytest.approx(200**-0.5 * (1 - 2**-0.5), rel=1e-6)


def test_there_is_no_forecast_of_one_point_or_of_no_errors():
    assert forecast(curve((7,), (0.3,))) is None
    assert forecast(curve((5, 10), (0.1, 0.0))) is None
    assert forecast(curve((5, 10, 20), (0.0, 0.0, 0.1))) is None
    assert forecast(curve((5, 6), (0.2, 0.1))) is None, "a line through sizes so near is noise"
    assert forecast(curve((5, 10), (0.1, 0.2))) == 0, "worse with more photos: nothing is promised"


@pytest.mark.parametrize(
    ("sizes", "errors", "expected"),
    [
        (
            (5, 16),
            (0.1, 0.0),
            "More photos can't be shown to help: all test photos are right with 16 a class.",
        ),
        ((5, 10), (0.2, 0.1), "Twice the photos would give about +5.0 points."),
        ((5, 10), (0.2, 0.2), "Twice the photos would hardly help: about +0.0 points."),
        ((4,), (0.2,), "With 4 photos a class it can't be told what more would give: add some and see."),
    ],
)
def test_what_follows_is_a_sentence(sizes, errors, expected):
    assert enough(curve(sizes, errors)) == expected


def test_the_last_point_has_all_photos():
    """With one fold it is the accuracy that cross-validation of the same choice measures."""
    photos = made(*directions([23, 8, 14], values=8, spread=2.5))
    folds = make_folds(photos, 0)
    points = learning_curve(photos, photos, folds, 3, [CHOICE] * len(folds), 0)
    answers = answer(photos, 3, folds, CHOICE, 0)
    assert [p.photos for p in points] == [5, 10, 23 * 4 // 5]
    assert points[-1].accuracy == (answers.logits.argmax(axis=1) == photos.labels).mean()
    assert all(p.low < p.accuracy < p.high for p in points)


def test_more_photos_help_where_classes_overlap():
    rows, labels = directions([120, 120], values=30, spread=7)
    photos, fold = made(rows, labels), Fold(*np.split(np.random.default_rng(0).permutation(240), [160]))
    points = learning_curve(photos, photos, [fold], 2, [CHOICE], 0)
    assert [p.photos for p in points][:4] == [5, 10, 20, 50]
    assert points[-1].accuracy > points[0].accuracy + 0.05
    again = learning_curve(photos, photos, [fold], 2, [CHOICE], 0)
    assert again == points
    assert forecast(points) >= 0


def test_few_photos_have_one_point():
    photos = made(*directions([4, 4], spread=4))
    assert [p.photos for p in learning_curve(photos, photos, make_folds(photos, 0), 2, [CHOICE] * 4, 0)] == [
        3
    ]
