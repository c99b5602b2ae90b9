import numpy as np
import pytest

from edgecnn.errors import GateError
from edgecnn.evaluation.verified import Verified, gate
from edgecnn_train.verify import ADVICE


def test_the_gate_advises_what_can_be_typed():
    result = Verified(40, 1.0, 0.95, 0.95, (), np.zeros((2, 2), np.int64), None)
    with pytest.raises(GateError, match=r"not published: 40 test images are few, .*`--epochs`"):
        gate(result, ADVICE)
    with pytest.raises(GateError, match=r"\(--set quantize.calibration=N\) may help, .* --allow-drop 5.00$"):
        gate(result, ADVICE)
    with pytest.raises(GateError, match=r"or accept it with --set verify.agreement=SHARE$"):
        gate(result, ADVICE, 10, 0.99)
