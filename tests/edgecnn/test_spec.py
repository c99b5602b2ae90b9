import pytest

from edgecnn.errors import OptionError
from edgecnn.spec import parse_spec

DEFAULTS = {"delay_ms": 1.0, "seed": 0.0}


def test_defaults_stay_where_nothing_is_given():
    assert parse_spec("fake", DEFAULTS) == DEFAULTS
    assert parse_spec("fake:seed=3", DEFAULTS) == {"delay_ms": 1.0, "seed": 3.0}


@pytest.mark.parametrize(
    "text", ["fake:speed=1", "fake:delay_ms", "fake:delay_ms=x", "fake:seed=-1", "fake:seed=nan"]
)
def test_what_it_does_not_know_is_named(text):
    with pytest.raises(OptionError):
        parse_spec(text, DEFAULTS)
