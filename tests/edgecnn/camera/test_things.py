import numpy as np
import pytest

from edgecnn.camera.scene import NOTHING, THINGS
from edgecnn.camera.things import make_thing
from tests.edgecnn.camera.test_mesh import volume

SOLID = [name for name in THINGS if name not in (NOTHING, "leaf", "cup")]


@pytest.mark.parametrize("name", [name for name in THINGS if name != NOTHING])
def test_a_thing_stands_on_the_table_and_is_small_enough_to_draw_quickly(name):
    mesh = make_thing(name)
    assert mesh is make_thing(name)
    corners = mesh.quads.reshape(-1, 3)
    assert corners[:, 2].min() == pytest.approx(0, abs=0.7)
    size = np.ptp(corners, axis=0)
    assert 8 < size.max() < 20
    assert len(mesh.quads) < 1000
    assert mesh.colors.min() >= 0
    assert mesh.colors.max() <= 255


@pytest.mark.parametrize("name", SOLID)
def test_a_solid_faces_outwards(name):
    mesh = make_thing(name)
    body = mesh._replace(quads=mesh.quads[mesh.layer == 0])
    assert volume(body) > 50
