from edgecnn_train.report import card
from tests.train.report.conftest import LABELS, as_model


def test_it_has_classes_cost_and_calibration_and_no_photo(sections, result):
    text = card(as_model(sections), result)
    for part in (
        "| top-1 on 23 test images | 78.26% | 80.00% |",
        "| parameters | 1,234 | 1,234 |",
        "| memory for activations | 2.0 KiB | 8.0 KiB |",
        "| inference, p50 | 0.100 ms | 0.100 ms |",
        "| inference, p99 | 0.200 ms | 0.200 ms |",
        "a <machine>, one thread",
        "| calibration error, test split, before → after |",
        "| a\\|b | 10 | 100.00% | 90.91% |",
        "It classifies 18 of 23 images correctly (78.3%)",
        f"{LABELS[2]} is recognized in 0 of 3 images, otherwise taken for {LABELS[0]}: "
        f"add photos of {LABELS[2]}.",
        "(confusion.png)",
        "`mine.report.html`",
    ):
        assert part in text, part
    assert "robustness.png" not in text
    assert "Poor images" not in text


def test_it_has_the_robustness_where_that_was_measured(sections, result, robustness):
    text = card(as_model(sections | {"robustness": robustness}), result)
    for part in (
        "Top-1 on 20 of the test images",
        "| mean of the standard ones |  |  |  |  |  | 30.0% | 40.0% |",
        "| gaussian noise | 50.0% | 40.0% | 30.0% | 20.0% | 10.0% | 30.0% | 40.0% |",
        "| low light |",
        "(robustness.png)",
        "Training used none of them.",
    ):
        assert part in text, part
    sections["recipe"]["augment"]["noise"] = 20.0
    assert "augmentations similar to some of them: noise." in card(
        as_model(sections | {"robustness": robustness}), result
    )
