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


@pytest.mark.parametrize("value", ["inf", "-inf", "1e309", "1e10", "1e-300", "9" * 5000])
def test_what_cannot_be_reckoned_with_is_refused(value):
    with pytest.raises(OptionError, match=r"delay_ms must be 0, or from 1e-06 to 1e\+09") as error:
        parse_spec(f"fake:delay_ms={value}", DEFAULTS)
    assert len(str(error.value)) < 200
