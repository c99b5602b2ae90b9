import pytest

from edgecnn_train.plan import Plan, Step


def test_the_remaining_time_is_estimated_from_what_was_done():
    plan = Plan([Step("a", "batches", 10), Step("test a", "test"), Step("b", "batches", 30)])
    assert plan.later() is None, "nothing is known of batches"
    with plan.step("a"):
        plan.took("batches", 5.0, 10)
        assert plan.later() == pytest.approx(5.0 + 17.0), "a test is guessed"
    plan.took("test", 2.0, 1)
    assert plan.later() == pytest.approx(2.0 + 17.0)
    plan.expect("b", 10)
    assert plan.later() == pytest.approx(2.0 + 7.0)


def test_a_step_that_is_not_training_is_timed():
    plan = Plan([Step("x", "verify"), Step("y", "verify"), Step("z", "verify")])
    with plan.step("x"):
        assert plan.remaining() == pytest.approx(12.0, abs=1.0)
    with plan.step("y"):
        assert plan.remaining() == pytest.approx(0.0, abs=1.0)
        assert plan.share(plan.remaining()) > 0
    assert plan.share(None) == 0.0
