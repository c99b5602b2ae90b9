from dataclasses import replace

import keras
import numpy as np
import pytest

from edgecnn_train.batches import Batches
from edgecnn_train.losses import Distillation, accuracy, loss, soften
from edgecnn_train.recipe import AugmentSpec, TrainSpec
from tests.train.conftest import losses_of, small

RNG = np.random.default_rng(5)
LOGITS = RNG.normal(size=(6, 4)) * 2
P = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 1, 2])
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
MIXED = (0.7 * ONE_HOT + 0.3 * ONE_HOT[::-1]).astype(np.float32)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(y, p):
    return -(y * np.log(p)).sum(axis=1)


FORMULAS = {
    "mean_squared_error": lambda y, p: ((y - p) ** 2).mean(axis=1),
    "categorical_crossentropy": cross_entropy,
    "sparse_categorical_crossentropy": cross_entropy,
    "focal": lambda y, p: -(y * (1 - p) ** 2 * np.log(p)).sum(axis=1),
}


@pytest.mark.parametrize("targets", [ONE_HOT, MIXED], ids=["one-hot", "mixed"])
@pytest.mark.parametrize("name", FORMULAS)
def test_every_loss_is_its_formula(name, targets):
    chosen = loss(TrainSpec(loss=name), sparse=False)
    assert float(chosen(targets, P)) == pytest.approx(FORMULAS[name](targets, P).mean(), rel=1e-5)


def test_sparse_cross_entropy_takes_class_numbers():
    chosen = loss(TrainSpec(), sparse=True)
    assert float(chosen(LABELS, P)) == pytest.approx(cross_entropy(ONE_HOT, P).mean(), rel=1e-5)
    assert type(chosen).__name__ == "SparseCategoricalCrossentropy"


def test_focal_turns_down_what_is_already_right():
    chosen = loss(TrainSpec(loss="focal"), sparse=False)
    sure = np.array([[0.9, 0.1]], np.float32)
    unsure = np.array([[0.5, 0.5]], np.float32)
    truth = np.array([[1, 0]], np.float32)
    assert float(chosen(truth, sure)) == pytest.approx(0.1**2 * -np.log(0.9), rel=1e-4)
    assert float(chosen(truth, unsure)) == pytest.approx(0.5**2 * -np.log(0.5), rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_softening_divides_the_logits(temperature):
    got = np.asarray(soften(P, temperature))
    assert got == pytest.approx(softmax(LOGITS / temperature), abs=1e-5)


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("name", FORMULAS)
def test_distillation_adds_the_softened_teacher_by_its_weight(name, temperature, share):
    teacher = softmax(RNG.normal(size=(6, 4))).astype(np.float32)
    chosen = loss(TrainSpec(loss=name, teachers=("x",), distill=share, temperature=temperature), sparse=False)
    soft = softmax(LOGITS / temperature)
    expected = (1 - share) * FORMULAS[name](ONE_HOT, P)
    expected += share * temperature**2 * cross_entropy(teacher, soft)
    got = float(chosen(np.concatenate([ONE_HOT, teacher], axis=1), P))
    assert got == pytest.approx(expected.mean(), rel=1e-4)


def test_distillation_comes_back_from_a_file_as_it_was():
    chosen = loss(TrainSpec(loss="focal", teachers=("x",), distill=0.3, temperature=2.0), sparse=False)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(chosen))
    assert isinstance(again, Distillation)
    both = np.concatenate([MIXED, ONE_HOT], axis=1)
    assert float(again(both, P)) == pytest.approx(float(chosen(both, P)))


def test_accuracy_compares_best_classes_and_ignores_the_teacher():
    right = P.argmax(axis=1) == LABELS
    assert np.asarray(accuracy(ONE_HOT, P)).tolist() == right.tolist()
    wrong = np.roll(ONE_HOT, 1, axis=1)
    assert np.asarray(accuracy(np.concatenate([ONE_HOT, wrong], axis=1), P)).tolist() == right.tolist()


class Same:
    """A teacher that finds all classes alike."""

    def predict_on_batch(self, images):
        return np.full((len(images), 10), 0.1, np.float32)


WAYS = {
    "plain": ({}, {}, None),
    "label smoothing": ({"label_smoothing": 0.1}, {}, None),
    "mixed": ({}, {"mixup": 0.2, "cutmix": 1.0}, None),
    "teacher": ({"teachers": ("x",), "distill": 0.2}, {}, Same()),
    "class weights": ({"class_weights": "balanced"}, {}, None),
}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, "plain") for name in FORMULAS),
        *(("sparse_categorical_crossentropy", way) for way in ("label smoothing", "mixed", "teacher")),
        ("focal", "class weights"),
    ],
)
def test_every_loss_is_lowered_by_training(data, recipe, name, way):
    train, change, teacher = WAYS[way]
    spec = small(recipe, loss=name, optimizer="adam", learning_rate=0.005, epochs=2, **train)
    first, last = losses_of(data, spec, AugmentSpec(**change), teacher)
    assert last < first


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("way", WAYS)
def test_every_loss_takes_the_targets_that_batches_make_for_it(data, name, way):
    train, change, teacher = WAYS[way]
    spec = replace(TrainSpec(loss=name), **train)
    batches = Batches(data.train, AugmentSpec(**change), spec, teacher)
    chosen = loss(spec, batches.sparse)
    answers = np.full((len(data.validation), 10), 0.1, np.float32)
    assert np.isfinite(float(chosen(batches.targets(data.validation.labels), answers)))
    _, targets = next(batches.epochs())[:2]
    assert np.isfinite(float(chosen(targets, answers[: len(targets)])))
