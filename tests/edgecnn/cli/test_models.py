import shutil

import pytest

from edgecnn import bundle


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_shipped_bundles_are_listed(run_cli, arguments, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    ran = run_cli("models", *arguments)
    assert ran.code == 0
    assert "digits *" in ran.out
    assert "mnist-classic" in ran.out
    assert "99." in ran.out


def test_a_card_is_shown(run_cli):
    ran = run_cli("models", "show", "mnist-classic")
    assert ran.code == 0
    assert "top-1 on 10,000 test pictures" in ran.out


def test_shipped_bundles_verify(run_cli):
    ran = run_cli("models", "verify")
    assert ran.code == 0
    assert ran.out.count("hash ok, golden vectors ok") == 14


def test_a_damaged_bundle_does_not_verify(run_cli, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(bundle.find("digits"), folder)
    (folder / "float32.tflite").write_bytes(b"")
    ran = run_cli("models", "verify", folder)
    assert ran.code == 1
    assert "SHA-256" in ran.err
    assert "digits int8: hash ok" in ran.out


def test_a_single_file_is_no_bundle(run_cli, digits_file):
    run_cli("models", "verify", digits_file).fails("single file")
    run_cli("models", "show", "nowhere").fails("no model 'nowhere'")
