from dataclasses import dataclass

import pytest

from edgecnn.errors import OptionError
from edgecnn.spec import parse_spec


@dataclass(frozen=True)
class Options:
    delay_ms: float = 1.0
    seed: float = 0.0
    scene: str = "digits"


DEFAULTS = Options()


def test_defaults_stay_where_nothing_is_given():
    assert parse_spec("fake", DEFAULTS) == DEFAULTS
    assert parse_spec("fake:seed=3", DEFAULTS) == Options(delay_ms=1.0, seed=3.0)


def test_an_option_whose_default_is_a_text_is_a_text():
    assert parse_spec("fake:scene=3,seed=3", DEFAULTS) == Options(seed=3.0, scene="3")
    assert parse_spec("fake:scene=/a b/c=d:e", DEFAULTS).scene == "/a b/c=d:e"


@pytest.mark.parametrize(
    "text",
    ["fake:speed=1", "fake:delay_ms", "fake:delay_ms=x", "fake:seed=-1", "fake:seed=nan", "fake:scene="],
)
def test_what_it_does_not_know_is_named(text):
    with pytest.raises(OptionError):
        parse_spec(text, DEFAULTS)


@pytest.mark.parametrize("value", ["inf", "-inf", "1e309", "1e10", "1e-300", "9" * 5000])
def test_what_cannot_be_reckoned_with_is_refused(value):
    with pytest.raises(OptionError, match=r"delay_ms must be 0, or from 1e-06 to 1e\+09") as error:
        parse_spec(f"fake:delay_ms={value}", DEFAULTS)
    assert len(str(error.value)) < 200
