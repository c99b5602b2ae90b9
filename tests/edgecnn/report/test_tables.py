import numpy as np

from edgecnn.evaluation.verified import Verified
from edgecnn.report.tables import ConfidenceColumn, accuracy, classes, confidence

RESULT = Verified(20, 0.9, 0.85, 0.95, (), np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]), None)


def test_accuracy_and_size():
    table = accuracy(RESULT, {"int8": 1000, "float32": 4000})
    assert table.rows == (
        ("top-1 on 20 test images", "85.00%", "90.00%"),
        ("file", "1,000 bytes", "4,000 bytes"),
    )
    assert accuracy(RESULT, {"int8": 1, "float32": 2}, "top-1 by 5 folds").rows[0][0] == "top-1 by 5 folds"


def test_a_class_without_images_has_no_recall():
    rows = classes(RESULT, ["a", "b", "c"]).rows
    assert rows == (("a", "10", "80.00%", "88.89%"), ("b", "10", "90.00%", "81.82%"), ("c", "0", "", ""))


def test_confidence_has_a_row_for_each_split_that_was_measured():
    int8 = ConfidenceColumn(1.5, 0.4, {"test": (0.1, 0.02)}, 0.05, 0.01)
    float32 = ConfidenceColumn(1.25, 0.0, {"test": (0.08, 0.03)}, 0.06, 0.02)
    table = confidence({"int8": int8, "float32": float32})
    assert table.head == ("", "int8", "float32")
    assert table.rows == (
        ("temperature", "1.50", "1.25"),
        ("calibration error, test split, before → after", "10.00% → 2.00%", "8.00% → 3.00%"),
        ("unknown below a score of", "0.400", "no threshold"),
        ("negatives that are classified", "5.0%", "6.0%"),
        ("test images called unknown", "1.0%", "2.0%"),
    )
