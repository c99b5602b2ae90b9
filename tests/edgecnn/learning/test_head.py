import numpy as np
import pytest

from edgecnn.learning.head import Basis, fit_head, minimize


def objective(x, labels, classes, strength):
    """The loss and gradient that `fit_head` minimizes, in float64 and written as in its docstring."""
    counts = np.bincount(labels, minlength=classes)
    weight = 1 / counts[labels] / (counts > 0).sum()

    def loss(flat):
        w, b = flat[: x.shape[1] * classes].reshape(-1, classes), flat[x.shape[1] * classes :]
        z = x @ w + b
        z = z - z.max(axis=1, keepdims=True)
        likely = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        value = -(weight * np.log(likely[np.arange(len(x)), labels])).sum() + strength / 2 * (w * w).sum()
        error = (likely - np.eye(classes)[labels]) * weight[:, None]
        return value, np.concatenate([(x.T @ error + strength * w).ravel(), error.sum(axis=0)])

    return loss


def scaled(embeddings):
    """Embeddings as the penalty sees them: less their mean, divided by one number."""
    mean = embeddings.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.mean((embeddings - mean) ** 2))
    return (embeddings - mean) / scale, mean, scale


def blobs(counts, values=6, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(0, 1, (len(counts), values))
    labels = np.repeat(np.arange(len(counts)), counts)
    return (centers[labels] + rng.normal(0, spread, (len(labels), values))).astype(np.float32), labels


def test_the_gradient_of_the_reference_is_that_of_its_loss():
    x, labels = blobs([5, 7])
    loss = objective(x.astype(np.float64), labels, 2, 0.1)
    at = np.random.default_rng(1).normal(0, 1, 14)
    _, gradient = loss(at)
    steps = np.eye(14) * 1e-6
    numeric = [(loss(at + s)[0] - loss(at - s)[0]) / 2e-6 for s in steps]
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


@pytest.mark.parametrize("strength", [0.003, 0.1, 1.0])
@pytest.mark.parametrize(
    ("counts", "values"), [([20, 20], 3), ([30, 5, 11], 6), ([4, 4], 40)], ids=["two", "unbalanced", "wide"]
)
def test_it_equals_a_reference_solution(counts, values, strength):
    optimize = pytest.importorskip("scipy.optimize")
    x, labels = blobs(counts, values)
    classes = len(counts)
    head = fit_head(Basis.of(x), labels, classes, strength)
    rows, mean, scale = scaled(x)
    loss = objective(rows, labels, classes, strength)
    start = np.zeros((values + 1) * classes)
    best = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-15}
    )
    own = np.concatenate([(head.weights * scale).ravel(), head.bias + mean @ head.weights])
    assert loss(own)[0] == pytest.approx(best.fun, rel=0.03)
    weights = best.x[: values * classes].reshape(values, classes)
    expected = rows @ weights + best.x[values * classes :]
    found = head.logits(x)
    centered = [v - v.mean(axis=1, keepdims=True) for v in (found, expected)]
    assert np.abs(centered[0] - centered[1]).max() < 0.1 * max(1, np.abs(centered[1]).max())


def test_a_problem_by_hand():
    """Photos at −1 and 1: logits are (−w x, w x) by symmetry, and strength w = 1 − 1 / (1 + exp(−2 w))."""
    x = np.array([[-1.0], [1.0]], np.float32)
    head = fit_head(Basis.of(x), np.array([0, 1]), 2, 0.1)
    w = float(head.weights[0, 1])
    assert head.weights[0, 0] == pytest.approx(-w, abs=1e-4)
    assert head.bias == pytest.approx([0, 0], abs=1e-4)
    assert 0.1 * w == pytest.approx(1 - 1 / (1 + np.exp(-2 * w)), rel=0.02)


def test_every_class_counts_the_same():
    """With the photos of one class given four times, the head is the same."""
    x, labels = blobs([6, 6], 4)
    more = np.concatenate([x, *[x[labels == 1]] * 3])
    pairs = ((x, labels), (more, np.concatenate([labels, np.ones(18, int)])))
    both = [fit_head(Basis.of(e), y, 2, 0.1) for e, y in pairs]
    # Their bases differ, by the mean and the scale, so that only the answers are nearly the same.
    answers = [head.logits(x) for head in both]
    likely = [np.exp(a) / np.exp(a).sum(axis=1, keepdims=True) for a in answers]
    assert np.abs(likely[0] - likely[1]).max() < 0.05


def test_it_is_deterministic_and_orders_do_not_matter():
    x, labels = blobs([9, 5, 7], 12)
    first, again = (fit_head(Basis.of(x), labels, 3, 0.01) for _ in range(2))
    np.testing.assert_array_equal(first.weights, again.weights)
    order = np.random.default_rng(0).permutation(len(x))
    other = fit_head(Basis.of(x[order]), labels[order], 3, 0.01)
    np.testing.assert_allclose(other.logits(x), first.logits(x), atol=0.02)


def test_separable_classes_are_separated():
    x, labels = blobs([20, 20, 20], 30, spread=0.05)
    head = fit_head(Basis.of(x), labels, 3, 0.003)
    assert (head.logits(x).argmax(axis=1) == labels).all()
    assert np.isfinite(head.weights).all()


@pytest.mark.parametrize("embeddings", [np.zeros((6, 4)), np.ones((6, 4)), np.full((6, 1), 3.0)])
def test_embeddings_that_are_all_the_same_say_nothing(embeddings):
    head = fit_head(Basis.of(embeddings.astype(np.float32)), np.array([0, 0, 0, 0, 1, 1]), 2, 0.1)
    logits = head.logits(embeddings.astype(np.float32))
    np.testing.assert_allclose(logits, 0, atol=1e-3)


def test_one_direction_alone():
    line = np.linspace(-1, 1, 20, dtype=np.float32)[:, None] * np.array([[3, 4]], np.float32)
    basis = Basis.of(line)
    assert basis.directions.shape == (2, 1)
    np.testing.assert_allclose(np.abs(basis.directions[:, 0]), [0.6, 0.8], atol=1e-5)
    labels = (line[:, 0] > 0).astype(int)
    assert (fit_head(basis, labels, 2, 0.01).logits(line).argmax(axis=1) == labels).all()


@pytest.mark.parametrize(("photos", "values"), [(5, 50), (50, 5), (10, 10)])
def test_a_basis_loses_nothing(photos, values):
    x = np.random.default_rng(0).normal(3, 2, (photos, values)).astype(np.float32)
    basis = Basis.of(x)
    assert basis.directions.shape[1] == min(photos - 1, values)
    np.testing.assert_allclose(
        basis.directions.T @ basis.directions, np.eye(basis.directions.shape[1]), atol=1e-4
    )
    np.testing.assert_allclose(basis.reduced @ basis.directions.T * basis.scale + basis.mean, x, atol=1e-3)
    assert np.mean(((x - basis.mean) / basis.scale) ** 2) == pytest.approx(1, rel=1e-4)


def test_a_class_without_photos_is_never_answered():
    x, labels = blobs([8, 8], 4)
    head = fit_head(Basis.of(x), labels * 2, 3, 0.1)
    assert not (head.logits(x).argmax(axis=1) == 1).any()


def test_a_quadratic_bowl_is_minimized():
    matrix = np.diag([1, 10, 100]).astype(np.float32)
    target = np.array([1, -2, 3], np.float32)

    def loss(at):
        off = at - target
        return 0.5 * float(off @ matrix @ off), matrix @ off

    np.testing.assert_allclose(minimize(loss, np.zeros(3, np.float32)), target, atol=0.02)
    np.testing.assert_array_equal(minimize(loss, target), target)
