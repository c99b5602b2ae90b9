from dataclasses import replace

import numpy as np

from edgecnn.evaluation.confidence import fit_temperature
from edgecnn.learning.crossval import answer, choose, make_folds, softmax
from edgecnn.learning.judge import FLOOR
from edgecnn.learning.suspects import find_suspects
from tests.edgecnn.learning.made import directions, made


def suspects_of(photos, classes=3):
    folds = make_folds(photos, 0)
    answers = answer(photos, classes, folds, choose(photos, classes, folds), 0)
    temperature = fit_temperature(softmax(answers.logits), photos.labels, FLOOR)
    return find_suspects(photos, answers, temperature)


def test_photos_in_the_folder_of_another_class_are_found():
    rows, labels = directions([20, 20, 20], values=40, spread=0.9)
    planted = {3: 1, 25: 2, 47: 0}
    wrong = labels.copy()
    for place, other in planted.items():
        wrong[place] = other
    found = suspects_of(made(rows, wrong)).mislabelled
    assert {s.place: s.looks_like for s in found} == {place: labels[place] for place in planted}
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert min(s.score for s in found) >= 0.9


def test_photos_that_are_right_are_not_suspect():
    assert suspects_of(made(*directions([20, 20, 20], spread=0.5))).mislabelled == ()


def test_photos_of_classes_that_overlap_are_not_suspect_without_confident_answers():
    rows, labels = directions([30, 30, 30], spread=9)
    assert len(suspects_of(made(rows, labels)).mislabelled) <= 3


def test_doubled_photos_are_found_the_most_alike_first():
    rows, labels = directions([10, 10, 10], values=40, spread=3)
    rows[17] = rows[4] + np.float32(0.2)
    rows[9] = rows[2]
    found = suspects_of(made(rows, labels)).doubled
    assert [(p.first, p.second) for p in found] == [(2, 9), (4, 17)]
    assert found[0].cosine > found[1].cosine


def test_frames_of_one_recording_are_not_doubled():
    rows, labels = directions([10, 10, 10], values=40, spread=3)
    rows[9], rows[17] = rows[2], rows[4]
    photos = made(rows, labels)
    one = [replace(item, group="cup/1") if k in (2, 9) else item for k, item in enumerate(photos.items)]
    found = suspects_of(replace(photos, items=tuple(one))).doubled
    assert [(p.first, p.second) for p in found] == [(4, 17)]
