"""JSON for every reader."""

import json
import math

from edgecnn.io.json_text import to_json


def test_names_stay_and_control_characters_are_escaped():
    value = {"label": "杯 \x1b[2J\x9b\u202e\u206a\ufff9\udc80\x7f"}
    text = to_json(value)
    assert "杯" in text
    assert text.isprintable()
    assert json.loads(text) == value


def test_what_is_no_number_is_null():
    text = to_json({"a": [math.nan, math.inf, 1.5], "b": (-math.inf,)}, indent=1)
    assert json.loads(text) == {"a": [None, None, 1.5], "b": [None]}
