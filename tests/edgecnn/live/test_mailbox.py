import threading

import pytest

from edgecnn.errors import CameraError
from edgecnn.live.mailbox import Mailbox
from tests.edgecnn.live.test_loop import frame


def test_the_mailbox_replaces_or_waits():
    box = Mailbox(keep_all=False)
    for i in range(3):
        box.put(frame(i))
    assert box.take().index == 2
    assert box.dropped == 2
    assert box.take() is None
    box.close(CameraError("gone"))
    with pytest.raises(CameraError, match="gone"):
        box.take()

    box = Mailbox(keep_all=False)
    box.put(frame(3))
    box.close()
    assert box.take().index == 3, "the last frame is taken before the end"
    with pytest.raises(EOFError):
        box.take()

    box = Mailbox(keep_all=True)
    box.put(frame(0))
    second = threading.Thread(target=box.put, args=(frame(1),))
    second.start()
    assert box.take().index == 0
    second.join(2)
    assert not second.is_alive()
    assert box.take().index == 1
    assert box.dropped == 0


def test_every_frame_counts_as_delivered_also_one_that_is_replaced():
    box = Mailbox(keep_all=False)
    assert box.delivery.as_dict() == {"width": 0, "height": 0, "fps": 0.0}
    for i in range(3):
        box.put(frame(i))
    assert box.delivery.size == (2, 2)
    assert box.delivery.as_dict()["fps"] > 0
