import io
import os
import struct
import threading
import time
import tracemalloc
import zlib

import numpy as np
import png
import pytest
import tifffile
from odd_images import SRGB
from PIL import Image, ImageCms

from telegrad.data.image_content import Animation, Carried, ImageContent
from telegrad.data.image_files import read_picture, read_rgb
from telegrad.data.image_reading import read_image
from telegrad.data.image_writing import write_image
from telegrad.data.orientation import turned_upright
from telegrad.data.sample_values import as_samples
from telegrad.data.transparency import without_hidden_colors


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_every_mode_are_read_as_rgb(tmp_path, mode, photograph):
    file = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.fromarray(photograph(0)).convert(mode).save(file)
    assert read_rgb(file).shape == (70, 90, 3)


def test_images_are_turned_upright(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(photograph(0)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_rgb(tmp_path / "turned.jpg").shape == (90, 70, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_those_of_pillow(orientation):
    values = np.arange(12, dtype="u1").reshape(3, 4)
    method = [None, 0, 3, 1, 5, 4, 6, 2][orientation - 1]
    image = Image.fromarray(values)
    expected = image if method is None else image.transpose(method)
    assert np.array_equal(turned_upright(values, orientation), np.asarray(expected))


# --- metadata -------------------------------------------------------------------------------------


def odd_exif(orientation=6):
    """XResolution is −1/0, as a signed fraction, which Pillow can't write back."""
    tags = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tags += struct.pack("<HHII", 0x011A, 10, 1, 38) + bytes(4) + struct.pack("<ii", -1, 0)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags


@pytest.mark.parametrize("form", ["jpg", "webp", "png", "tif"])
@pytest.mark.parametrize("orientation", [0, 3, 6, 9, 65535])
def test_odd_exif_is_no_hindrance_and_its_orientation_counts(form, orientation, tmp_path):
    values = np.zeros((6, 9, 3), "u1")
    values[0, 0] = 250
    file = tmp_path / f"odd.{form}"
    if form == "tif":
        tags = [(274, 3, 1, orientation, True), (282, 10, 1, (-1, 0), True)]
        tifffile.imwrite(file, values, photometric="rgb", extratags=tags, metadata=None)
    else:
        options = {"lossless": True} if form == "webp" else {"quality": 100, "subsampling": 0}
        options = {} if form == "png" else options
        Image.fromarray(values).save(file, exif=odd_exif(orientation), **options)
    expected = turned_upright(values, orientation)
    assert np.abs(read_rgb(file).astype(int) - expected).max() < 12
    assert read_image(file).frames[0].shape == expected.shape


def png_of(values, *chunks):
    """A PNG of (h, w, 3) with chunks before its pixels."""
    height, width = values.shape[:2]
    depth = 8 * values.itemsize
    rows = b"".join(b"\0" + row.astype(values.dtype.newbyteorder(">")).tobytes() for row in values)
    content = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    for kind, data in [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]:
        check = struct.pack(">I", zlib.crc32(kind + data))
        content += struct.pack(">I", len(data)) + kind + data + check
    return content


@pytest.mark.parametrize("depth", ["u1", "u2"])
def test_pixels_are_used_where_the_metadata_before_them_is_damaged(depth, tmp_path):
    values = np.arange(60, dtype=depth).reshape(4, 5, 3)
    huge = b"iCCP", b"x\0\0" + zlib.compress(bytes(2**23))
    (tmp_path / "a.png").write_bytes(png_of(values, huge))
    content = bytearray(png_of(values, (b"tEXt", b"Title\0something")))
    content[45] ^= 1  # the sum is wrong
    (tmp_path / "b.png").write_bytes(content)
    for name in ("a.png", "b.png"):
        content = read_image(tmp_path / name)
        assert np.array_equal(content.frames[0], values)
        assert content.notes == ("its metadata is damaged and was left out",)


def test_damaged_segments_of_a_jpeg_are_passed_over_but_for_the_orientation(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (9, 6)).save(stream, "JPEG", exif=odd_exif())
    broken = b"\xff\xee" + struct.pack(">H", 8) + b"Adobe\0"  # six bytes are missing
    (tmp_path / "a.jpg").write_bytes(stream.getvalue()[:2] + broken + stream.getvalue()[2:])
    assert read_rgb(tmp_path / "a.jpg").shape == (9, 6, 3)


# --- values ---------------------------------------------------------------------------------------


def test_the_rule_for_values():
    assert as_samples(np.array([0.0, 0.25, 1.0])).tolist() == [0, 16384, 65535]
    assert as_samples(np.array([True, False])).tolist() == [255, 0]
    assert as_samples(np.array([0, 65535], "i4")).tolist() == [0, 65535]
    assert as_samples(np.array([0, 4095], "u2"), bits=12).tolist() == [0, 65535]
    for values, said in [
        (np.array([0.0, 1.5], "f4"), r"float32 in the range 0 … 1\.5; needs \[0, 1\]"),
        (np.array([0.0, np.nan]), "not finite"),
        (np.array([-1, 5], "i2"), "int16 in the range -1 … 5"),
        (np.array([0, 70000], "u4"), "uint32 in the range 0 … 70000"),
        (np.array([0, 200], "i4"), "8 or as 16 bits"),
        (np.array([0, 100], "i1"), "int8"),
        (np.array([1j]), "complex"),
    ]:
        with pytest.raises(ValueError, match=said):
            as_samples(values)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_floating_point_is_read_in_its_range_also_to_train_on(kind, channels, tmp_path):
    values = np.linspace(0, 1, 6 * 7 * channels).reshape(6, 7, channels).astype(kind)
    photometric = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", values.squeeze(), photometric=photometric)
    rgb = read_rgb(tmp_path / "a.tif")
    assert np.abs(rgb / 255 - values).max() < 0.003
    assert read_picture(tmp_path / "a.tif").bits == 16
    tifffile.imwrite(tmp_path / "b.tif", 255 * values.squeeze(), photometric=photometric)
    with pytest.raises(OSError, match=r"b\.tif: can't be read .*float.* 0 … 255; needs \[0, 1\]"):
        read_rgb(tmp_path / "b.tif")


def test_16_bits_of_color_are_rounded_to_train_on(tmp_path):
    values = np.arange(0, 65536, 91, dtype="u2")[:720].reshape(12, 20, 3)
    (tmp_path / "a.png").write_bytes(png_of(values))
    assert np.array_equal(read_rgb(tmp_path / "a.png"), (values / 257).round())


def test_alpha_that_was_multiplied_in_is_divided_out(tmp_path):
    values = np.full((4, 4, 4), (50, 25, 0, 51), "u2") * 257
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"])
    frame = read_image(tmp_path / "a.tif").frames[0]
    assert np.abs(frame[0, 0] / 257 - (250, 125, 0, 51)).max() < 1


# --- transparency ---------------------------------------------------------------------------------


def test_hidden_colors_are_those_of_the_nearest_pixel_that_is_seen(tmp_path):
    colors = np.zeros((1, 6, 3), "u1")
    colors[0, 0], colors[0, 5] = 200, 100
    alpha = np.array([[255, 0, 0, 0, 0, 1]], "u1")
    assert without_hidden_colors(colors, alpha)[0, :, 0].tolist() == [200, 200, 200, 100, 100, 100]
    assert np.array_equal(without_hidden_colors(colors, 0 * alpha), colors)
    Image.fromarray(np.dstack([colors, alpha])).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png")[0, :, 1].tolist() == [200, 200, 200, 100, 100, 100]


def test_a_transparent_color_of_16_bits_is_hidden(tmp_path):
    values = np.full((3, 4, 3), 60000, "u2")
    values[1, 1] = 1, 2, 3
    (tmp_path / "a.png").write_bytes(png_of(values, (b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha.tolist()[1] == [65535, 0, 65535, 65535]
    assert picture.rgb.min() > 0.9


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_every_depth_is_hidden(depth, tmp_path):
    rows = [[0, 2**depth - 1, 1, 1], [2**depth - 1, 0, 1, 0]]
    with (tmp_path / "a.png").open("wb") as stream:
        writer = png.Writer(4, 2, greyscale=True, bitdepth=depth, transparent=1)
        writer.write(stream, rows)
    hidden = (read_picture(tmp_path / "a.png").alpha == 0).tolist()
    assert hidden == [[value == 1 for value in row] for row in rows]


# --- sizes ----------------------------------------------------------------------------------------


def announcing(form, side, file):
    """A small file whose header says side × side."""
    image = Image.new("RGB", (8, 8))
    if form in ("png", "png16"):
        content = bytearray(png_of(np.zeros((8, 8, 3), "u1" if form == "png" else "u2")))
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        file.write_bytes(content)
        return
    if form in ("tif", "tif16"):
        kind = "u1" if form == "tif" else "u2"
        tifffile.imwrite(file, np.zeros((8, 8, 3), kind), photometric="rgb", rowsperstrip=8)
        with tifffile.TiffFile(file, mode="r+b") as tiff:
            for tag in (256, 257):
                tiff.pages[0].tags[tag].overwrite(side)
        return
    image.save(file, {"bmp": "BMP", "gif": "GIF"}[form])
    content = bytearray(file.read_bytes())
    if form == "bmp":
        content[18:26] = struct.pack("<ii", side, side)
    else:
        content[6:10] = struct.pack("<HH", side, side)
    file.write_bytes(content)


@pytest.mark.parametrize("form", ["png", "png16", "tif", "tif16", "bmp", "gif"])
def test_headers_that_announce_too_much_are_refused_before_anything_is_decoded(form, tmp_path):
    file = tmp_path / f"a.{form[:3]}"
    announcing(form, 60000, file)
    tracemalloc.start()
    with pytest.raises(OSError, match=r"a\.\w+: can't be read .*--data.max_pixels"):
        read_rgb(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25


@pytest.mark.parametrize("form", ["png", "tif", "gif", "webp"])
def test_the_limit_can_be_set_and_counts_all_frames(form, tmp_path):
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "blue", "green")]
    file = tmp_path / f"a.{form}"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    assert len(read_image(file, max_pixels=600).frames) == 3
    with pytest.raises(OSError, match="more than 599 in all"):
        read_image(file, max_pixels=599)
    assert read_rgb(file, max_pixels=200).shape == (10, 20, 3)


def test_the_limit_is_lifted_for_the_reader_that_asks_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    file = tmp_path / "a.png"
    Image.new("RGB", (20, 10)).save(file)
    ends, wrong = time.monotonic() + 0.3, []

    def lifted():
        while time.monotonic() < ends:
            if read_rgb(file, max_pixels=200).shape != (10, 20, 3):
                wrong.append("refused")

    def strict():
        while time.monotonic() < ends:
            try:
                read_rgb(file)
                wrong.append("read")
            except OSError:
                pass

    threads = [threading.Thread(target=work) for work in (lifted, strict, lifted, strict)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert Image.MAX_IMAGE_PIXELS == 50


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, "next page"])
def test_a_tiff_that_ends_too_soon_is_refused(cut, tmp_path):
    pages = np.random.default_rng(0).integers(0, 65536, (3, 20, 30, 3), "u2")
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb", metadata=None)
    content = (tmp_path / "a.tif").read_bytes()
    end = len(content) - 20 * 30 * 6 - 300 if cut == "next page" else int(cut * len(content))
    (tmp_path / "a.tif").write_bytes(content[:end])
    with pytest.raises(OSError, match="truncated|ends before|not in the file"):
        read_image(tmp_path / "a.tif")


def test_a_tiff_of_layers_is_refused_and_channels_that_are_dropped_are_named(tmp_path):
    layers = np.zeros((5, 20, 30), "u1")
    for kind in ("u1", "u2"):
        options = {"photometric": "minisblack", "volumetric": True, "tile": (16, 16, 16)}
        tifffile.imwrite(tmp_path / "a.tif", layers.astype(kind), **options)
        with pytest.raises(OSError, match=r"a\.tif: .*5 layers"):
            read_rgb(tmp_path / "a.tif")
        for channels in (4, 5):
            values = np.zeros((6, 7, channels), kind)
            extra = ["unspecified"] * (channels - 3)
            tifffile.imwrite(tmp_path / "b.tif", values, photometric="rgb", extrasamples=extra)
            try:
                notes = read_image(tmp_path / "b.tif").notes
            except OSError as error:
                assert (kind, channels) == ("u2", 5) and "needs grey or RGB" in str(error)
            else:
                assert "left out" in notes[0]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(OSError, match=r"a\.png: .*it is not a file"):
        read_rgb(tmp_path / "a.png")


def test_a_tiff_whose_pages_form_a_circle_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 5), "u1"), metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (tags,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * tags, start)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(OSError, match="is an earlier one"):
        read_image(tmp_path / "a.tif")


# --- writing --------------------------------------------------------------------------------------


def test_every_frame_is_written_also_those_alike(tmp_path):
    """With what lasts long, what lasts no time, and a first frame that is not part of it."""
    frame = np.full((4, 5, 3), 9, "u1")
    lasts = (40.0, 0.0, 1000 / 3, 90000.0)
    content = ImageContent((frame,) * 4, animation=Animation(lasts, 5))
    write_image(tmp_path / "a.png", content)
    again = read_image(tmp_path / "a.png")
    assert len(again.frames) == 4
    assert again.animation.milliseconds == pytest.approx(lasts)
    assert again.animation.loop == 5
    write_image(
        tmp_path / "b.png", ImageContent((frame,) * 4, Carried(), Animation(lasts, 0, True))
    )
    again = read_image(tmp_path / "b.png")
    assert again.animation.still_first and len(again.frames) == 4


def test_a_gray_frame_and_one_with_alpha_make_an_animation_of_both(tmp_path):
    frames = tuple(np.full((4, 5, c), 255, "u1") for c in (1, 2, 3))
    write_image(tmp_path / "a.png", ImageContent(frames, animation=Animation((1, 1, 1))))
    assert [f.shape for f in read_image(tmp_path / "a.png").frames] == [(4, 5, 4)] * 3


def test_a_profile_is_kept_only_for_its_colors(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 7, 3), "u1"))
    image.save(tmp_path / "rgb.webp", icc_profile=SRGB)
    assert read_image(tmp_path / "rgb.webp").carried.profile == SRGB
    image.convert("L").save(tmp_path / "grey.png", icc_profile=SRGB)
    content = read_image(tmp_path / "grey.png")
    assert content.carried.profile is None and "not for its colors" in content.notes[0]
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", icc_profile=SRGB)
    content = read_image(tmp_path / "cmyk.jpg")
    assert content.carried.profile is None and "can't be applied to CMYK" in content.notes[0]


def test_lab_is_converted(tmp_path):
    red = Image.new("RGB", (4, 4), (200, 30, 30))
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(red, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    image.save(tmp_path / "a.tif")
    assert np.abs(read_rgb(tmp_path / "a.tif").astype(int) - (200, 30, 30)).max() < 8


def test_words_and_colors_of_a_png_come_back_as_they_are(tmp_path):
    chunks = (b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"Title\0a cat")
    (tmp_path / "a.png").write_bytes(png_of(np.zeros((4, 5, 3), "u1"), *chunks))
    content = read_image(tmp_path / "a.png")
    assert content.carried.chunks == chunks
    write_image(tmp_path / "b.png", content)
    assert read_image(tmp_path / "b.png").carried.chunks == chunks


def test_camera_and_place_of_a_tiff_are_kept_in_a_png(tmp_path):
    exif = Image.Exif()
    exif[271] = "Camera"
    exif[0x8769] = {0x9003: "2020:02:02 02:02:02"}
    Image.new("RGB", (5, 4)).save(tmp_path / "a.tif", exif=exif.tobytes())
    write_image(tmp_path / "a.png", read_image(tmp_path / "a.tif"))
    with Image.open(tmp_path / "a.png") as image:
        assert image.getexif()[271] == "Camera"
        assert image.getexif().get_ifd(0x8769)[0x9003] == "2020:02:02 02:02:02"
