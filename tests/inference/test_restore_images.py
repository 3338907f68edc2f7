"""What image files carry is there after `restore`, or is said to be left out."""

import re

import numpy as np
import png
import pytest
from odd_images import SRGB, Identity, model
from PIL import Image, ImageDraw

from telegrad.cli import restore as command
from telegrad.cli.main import main
from telegrad.inference import Model, restore_files
from telegrad.tasks import Objective, PaperSuperResolution


@pytest.fixture
def photo():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 20, 3), "u1"))


def restored(file, out, **options):
    """The one file that comes of one."""
    said = []
    written, failed = restore_files(model(), file, out, 0, 64, note=said.append, **options)
    assert not failed and len(written) == 1
    return written[0], said


def test_16_bits_of_every_kind_of_channels_stay(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (9, 8, 4), "u2")
    values[..., 3] = 65535
    for channels, greyscale, alpha in [(1, True, False), (3, False, False), (4, False, True)]:
        file = tmp_path / f"{channels}.png"
        rows = values[..., :channels].reshape(9, -1).tolist()
        with file.open("wb") as stream:
            png.Writer(8, 9, greyscale=greyscale, alpha=alpha, bitdepth=16).write(stream, rows)
        written, said = restored(file, tmp_path / "out")
        _, _, again, info = png.Reader(bytes=written.read_bytes()).read()
        assert info["bitdepth"] == 16 and [list(row) for row in again] == rows and not said


def test_profile_resolution_and_camera_stay(photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[271] = 6, "Camera"
    photo.save(tmp_path / "a.jpg", icc_profile=SRGB, dpi=(300, 150), exif=exif)
    written, said = restored(tmp_path / "a.jpg", tmp_path / "out")
    with Image.open(written) as image:
        assert image.info["icc_profile"] == SRGB
        assert image.info["dpi"] == pytest.approx((150, 300), abs=0.02)
        assert dict(image.getexif()) == {0x0112: 1, 271: "Camera"}
        assert image.size == (16, 20)
    assert not said


def test_what_a_tiff_says_stays_also_when_it_is_restored_again(photo, tmp_path):
    photo.save(tmp_path / "a.tif", tiffinfo={271: "Camera", 270: "A tower"})
    once, said = restored(tmp_path / "a.tif", tmp_path / "once")
    twice, said_then = restored(once, tmp_path / "twice")
    assert not said and not said_then
    for file in (once, twice):
        with Image.open(file) as image:
            assert image.info["exif"].removeprefix(b"Exif\0\0")[:2] in (b"II", b"MM")
            assert image.getexif()[271] == "Camera"
        assert b"eXIfExif" not in file.read_bytes()


@pytest.mark.parametrize("form", ["tif", "gif", "webp", "png"])
def test_all_frames_are_restored(form, photo, tmp_path):
    frames = [photo, photo, photo.rotate(180)]
    options = {"lossless": True} if form == "webp" else {}
    options |= {} if form == "tif" else {"duration": [40, 90, 200], "loop": 4}
    frames[0].save(tmp_path / f"a.{form}", save_all=True, append_images=frames[1:], **options)
    written, said = restored(tmp_path / f"a.{form}", tmp_path / "out")
    assert written.suffix == (".tif" if form == "tif" else ".png")
    assert not said
    with Image.open(tmp_path / f"a.{form}") as source, Image.open(written) as image:
        assert image.n_frames == source.n_frames >= 2
        for k in range(image.n_frames):
            image.seek(k), source.seek(k)
            assert np.array_equal(
                np.asarray(image.convert("RGB")), np.asarray(source.convert("RGB"))
            )
            assert image.info.get("duration") == source.info.get("duration")
        assert image.info.get("loop") == source.info.get("loop")


def test_pictures_in_a_photograph_besides_the_main_one_are_left_out_by_name(photo, tmp_path):
    photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[photo.resize((5, 4))])
    with pytest.warns(UserWarning, match="left out"):
        written, failed = restore_files(model(), tmp_path / "a.jpg", tmp_path / "out", 0, 64)
    assert len(written) == 1
    assert re.fullmatch(r".*a\.jpg: its 1 other pictures\.", failed[0])


def test_what_can_t_be_kept_is_noted(photo, tmp_path):
    photo.convert("L").save(tmp_path / "a.jpg", icc_profile=SRGB, exif=b"Exif\0\0nothing")
    _, said = restored(tmp_path / "a.jpg", tmp_path / "out")
    assert [re.sub(r".*a\.jpg: ", "", sentence) for sentence in said] == [
        "its ICC profile is not for its colors and was left out.",
        "its EXIF is damaged and was left out.",
    ]
    with pytest.warns(UserWarning, match="was left out"):
        restore_files(model(), tmp_path / "a.jpg", tmp_path / "other", 0, 64)


def test_colors_under_transparent_pixels_do_not_leak_into_the_edge(tmp_path):
    disc = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(disc).ellipse((12, 12, 52, 52), fill=(255, 255, 255, 255))
    disc.save(tmp_path / "disc.png")
    doubler = Model(None, Objective(PaperSuperResolution()), Identity())
    written, _ = restore_files(doubler, tmp_path / "disc.png", tmp_path / "out", 0, 64)
    with Image.open(written[0]) as image:
        values = np.asarray(image)
    assert values.shape == (128, 128, 4)
    assert values[values[..., 3] > 0][:, :3].min() >= 254


def test_a_folder_goes_on_after_what_can_t_be_read(photo, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    photo.save(folder / "a.png")
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff\xe1")
    (folder / "c.tif").write_bytes(b"II*\0\x08\0\0\0\xff\xff")
    photo.save(folder / "d.webp")
    with pytest.warns(UserWarning, match="left out"):
        written, failed = restore_files(model(), folder, tmp_path / "out", 0, 64)
    assert [file.name for file in written] == ["a.png", "d.png"]
    assert ["b.jpg" in failed[0], "c.tif" in failed[1]] == [True, True]


def test_the_command_says_what_it_wrote_left_out_and_could_not_keep(
    photo, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(command, "model_of", lambda *_: model())
    photo.convert("L").save(tmp_path / "a.png", icc_profile=SRGB)
    words = ["restore", "model.pt", str(tmp_path / "a.png"), "--out", str(tmp_path / "out")]
    words += ["--tile", "64"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Restored 1 image into" in said and "a.png: its ICC profile is not for" in said
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "would be overwritten; choose another --out, or --overwrite" in said
    assert len(said.splitlines()) == 1
    assert main([*words, "--overwrite"]) == 0
    with pytest.warns(UserWarning, match="left out"):
        assert main([*words, "--overwrite", "--max_pixels", "100"]) == 1
    assert "more than 100 in all" in capsys.readouterr().out
