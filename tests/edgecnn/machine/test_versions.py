from edgecnn.machine.versions import installed_versions


def test_what_is_not_installed_is_left_out():
    found = installed_versions(["numpy", "no-such-package"])
    assert list(found) == ["numpy"]
    assert found["numpy"].split(".")[0].isdigit()
