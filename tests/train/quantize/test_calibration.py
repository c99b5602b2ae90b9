import json
from dataclasses import replace

import numpy as np

from edgecnn_train.quantize import CalibrationCheck, check_calibration, second_subset


def test_a_second_subset_shares_no_image_and_has_every_class(workshop):
    first = workshop.train.take(np.arange(100))
    second = second_subset(workshop.train, first, seed=0)
    assert len(second) == 100
    assert not {i.id for i in first.items} & {i.id for i in second.items}
    assert np.bincount(second.labels).tolist() == [10] * 10
    again = second_subset(workshop.train, first, seed=0)
    assert [i.id for i in again.items] == [i.id for i in second.items]
    assert len(second_subset(workshop.train, workshop.train.take(np.arange(350)), seed=0)) == 50
    assert second_subset(workshop.train, workshop.train, seed=0) is None


def test_enough_images_make_no_difference_and_others_do(workshop):
    network, test = workshop.network("classic"), workshop.test
    first = workshop.train.take(np.arange(100))
    check = check_calibration(
        network, first, second_subset(workshop.train, first, 0), test, workshop.int8("classic")
    )
    assert (check.first_count, check.second_count, check.pictures) == (100, 100, 200)
    assert check.agreement >= 0.95
    assert check.worst_scale < 0.3
    assert "conv2" in check.scales
    assert check.scales["softmax"] == 0
    assert check.worst_layer in check.summary
    assert json.loads(json.dumps(check.as_dict()))["first_count"] == 100

    dark = replace(first, images=first.images // 8)
    worse = check_calibration(network, first, dark, test, workshop.int8("classic"))
    assert worse.first_top1 == check.first_top1
    assert worse.worst_scale > 0.5
    assert worse.agreement < check.agreement
    assert not worse.suffices


def test_it_suffices_up_to_half_a_point():
    check = CalibrationCheck(20, 20, 200, 1.0, 0.95, 0.945, {"conv1": -0.2, "conv2": 0.1})
    assert check.suffices
    assert not replace(check, second_top1=0.944).suffices
    # Of 168 images one is more than half a point, and no difference.
    assert replace(check, pictures=168, second_top1=check.first_top1 - 1 / 168).suffices
    assert not replace(check, pictures=168, second_top1=check.first_top1 - 2 / 168).suffices
    assert (check.worst_layer, check.worst_scale) == ("conv1", 0.2)
