"""The page that restores an uploaded picture: as `telegrad restore`, on this machine alone."""

import re
import signal
import subprocess
import sys
from importlib.util import find_spec

import browser
import numpy as np
import pytest
from PIL import Image

from telegrad.cli.main import main
from telegrad.inference import load_model
from telegrad.inference.demo_page import restored_upload


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The best model of a short run."""
    out = tmp_path_factory.mktemp("trained")
    words = "train denoising --network ResNet --network.channels 8 --size 16 --steps 3 --device cpu"
    small = ["--strategy", "Single", "--validation.images", "2", "--validation.times", "1"]
    assert main([*words.split(), *small, "--out", str(out)]) == 0
    (best,) = out.glob("models/*_best.pt")
    return best


def picture(path, shape=(40, 60, 3), dtype=np.uint8, seed=0):
    levels = np.iinfo(dtype).max
    pixels = np.random.default_rng(seed).integers(0, levels, shape, dtype, endpoint=True)
    Image.fromarray(pixels.squeeze()).save(path)
    return path


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((40, 60, 3), np.uint8), ((33, 47, 1), np.uint8), ((40, 60, 4), np.uint8), ((33, 47, 1), np.uint16)],
    ids=["color", "grey", "alpha", "16 bits"],
)  # fmt: skip
def test_an_upload_becomes_what_the_command_makes_of_it(trained, tmp_path, shape, dtype):
    file = picture(tmp_path / "photo.png", shape, dtype)
    assert main(["restore", str(trained), str(file), "--out", str(tmp_path / "command")]) == 0
    model = load_model(trained)
    before, after, written, said = restored_upload(model, file, tmp_path / "page")
    assert written.read_bytes() == (tmp_path / "command/photo.png").read_bytes()
    assert before.size == after.size == shape[1::-1]
    assert said == ""


def test_what_is_no_picture_is_refused(trained, tmp_path):
    (tmp_path / "photo.png").write_text("no picture")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(ValueError, match="photo.png"):
        restored_upload(load_model(trained), tmp_path / "photo.png", tmp_path / "page")


def test_without_gradio_it_says_what_to_install(monkeypatch, capsys, trained):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["demo", str(trained)]) == 2
    assert "pip install 'telegrad[demo]'" in capsys.readouterr().err


@browser.needed
def test_in_a_browser_a_picture_is_restored_and_nothing_leaves_the_machine(trained, tmp_path):
    if find_spec("gradio") is None:
        pytest.skip("LEFT OUT: no gradio: pip install 'telegrad[demo]'")
    command = [sys.executable, "-m", "telegrad", "demo", str(trained)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+", serving.stdout.readline())[0]
            with browser.browser() as shown:
                shown.open(address, 1280)
                upload = "input[type=file]"
                shown.until(lambda p: p.driver.find_elements("css selector", upload))
                shown.find(upload).send_keys(str(picture(tmp_path / "photo.png")))
                slider = "return document.querySelectorAll('img').length"
                shown.until(lambda p: p.run(slider) >= 2)
                shown.until(lambda p: p.find("body").text.count("photo\n.png") == 2)
                assert shown.too_wide == []
                elsewhere = [
                    url for url in shown.requests if not url.startswith((address, "blob:"))
                ]
                assert elsewhere == []
        finally:
            serving.send_signal(signal.SIGINT)
    assert serving.returncode == 0
