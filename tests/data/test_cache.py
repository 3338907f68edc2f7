"""Images on disk: the same crops as from memory, and a cache that is never trusted blindly."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.data import Folder, NamedImage, cache, levels, many_images
from telegrad.data.cache import CachePlace, ImageCache
from telegrad.data.levels import Coarsening
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.restriction import RESTRICTIONS

GRIDS = GridHierarchy((16, 16), levels=3)


@pytest.fixture
def photos(tmp_path):
    """A folder of eight images of several sizes; 0.png is for validation."""
    directory = tmp_path / "photos"
    directory.mkdir()
    random = np.random.default_rng(0)
    for k in range(8):
        pixels = random.integers(0, 256, (30 + 5 * k, 61 - 3 * k, 3), np.uint8)
        Image.fromarray(pixels).save(directory / f"{k}.png")
    return directory


@pytest.fixture
def caches(tmp_path):
    return tmp_path / "caches"


def images_of(photos):
    return Folder(path=str(photos)).source().train


def in_pairs(images):
    """With companions of half their size, of other pixels."""

    def low(image):
        height, width = image.open().shape[:2]
        return np.random.default_rng(1).integers(0, 256, (height // 2, width // 2, 3), np.uint8)

    def even(image):
        height, width = image.open().shape[:2]
        return image.open()[: height // 2 * 2, : width // 2 * 2]

    return [replace(i, open=lambda i=i: even(i), low=lambda i=i: low(i)) for i in images]


def from_disk(images, caches, **options):
    built = build_pyramid(images, GRIDS, memory=0, cache_dir=caches, **options)
    assert isinstance(built.images, ImageCache)
    return built


def crops(built):
    parts = CropStream(built, seed=1).take((9, 7, 5))
    return [tensor for part in parts for tensor in part.values()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(crops(a), crops(b), strict=True))


def whole(caches):
    """The caches that are there, without locks."""
    return sorted(p for p in caches.iterdir() if p.is_dir())


def decoded(monkeypatch):
    """Names of the images that are read from now on."""
    names, read = [], Coarsening.read

    def noted(self, image):
        names.append(Path(image.name).name)
        return read(self, image)

    monkeypatch.setattr(Coarsening, "read", noted)
    return names


# --- the same images ------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("restriction", ["averaging", "injection"])
def test_crops_from_disk_are_those_from_memory_bit_by_bit(photos, caches, restriction, pairs):
    images = images_of(photos)
    images = in_pairs(images) if pairs else images
    options = {"pairs": pairs, "restriction": restriction}
    in_memory = build_pyramid(images, GRIDS, **options, cache_dir=caches)
    assert not caches.exists()
    new, used_again = (from_disk(images, caches, **options) for _ in range(2))
    assert len(new.images) == len(images)
    assert ("low" in new.images[0]) == pairs
    assert same(in_memory, new)
    assert same(in_memory, used_again)


def test_levels_are_coarsened_by_the_rules_of_the_grids(photos):
    for restriction in ("averaging", "injection"):
        for image in images_of(photos):
            *coarse, finest = Coarsening(GRIDS, restriction).read(image)["clean"]
            exact = torch.from_numpy(finest.astype(np.float32)).movedim(-1, 0)
            for pixels in reversed(coarse):
                exact = RESTRICTIONS[restriction](exact)
                assert torch.equal(exact.round().byte().movedim(0, -1), torch.from_numpy(pixels))


def test_memory_and_disk_hold_as_many_bytes_and_the_limit_decides_between_them(photos, caches):
    images = images_of(photos)
    in_memory = build_pyramid(images, GRIDS, cache_dir=caches)
    total = sum(levels.number_of_bytes(image) for image in in_memory.images)
    for memory, on_disk in ((total, False), (total - 1, True), (total, False)):
        built = build_pyramid(images, GRIDS, memory=memory, cache_dir=caches)
        assert isinstance(built.images, ImageCache) == on_disk
        assert not on_disk or built.images.nbytes == total


def test_the_order_of_images_is_theirs_however_long_each_takes_to_read(monkeypatch):
    monkeypatch.setattr(many_images.os, "cpu_count", lambda: 4)
    last_is_read = threading.Event()

    def opened(k):
        if k == 0:
            assert last_is_read.wait(60)  # others are read meanwhile
        if k == 3:
            last_is_read.set()
        return np.full((16, 16, 3), k, np.uint8)

    images = [NamedImage(f"{k}", lambda k=k: opened(k)) for k in range(20)]
    built = build_pyramid(images, GRIDS)
    assert [image["clean"][0][0, 0, 0] for image in built.images] == list(range(20))


def test_images_are_not_read_far_ahead_of_the_one_that_is_written(caches, monkeypatch):
    monkeypatch.setattr(many_images.os, "cpu_count", lambda: 2)
    names, ahead, write = decoded(monkeypatch), [], cache.CachePlace._write_pixels

    def counted(self, path, images):
        def counting():
            for k, image in enumerate(images):
                ahead.append(len(names) - k)
                yield image

        return write(self, path, counting())

    monkeypatch.setattr(cache.CachePlace, "_write_pixels", counted)
    pixels = np.zeros((16, 16, 3), np.uint8)
    from_disk([NamedImage(f"{k}", lambda: pixels) for k in range(60)], caches)
    assert len(ahead) == 60
    assert max(ahead) <= 6


# --- used again, or made anew ---------------------------------------------------------------------


def test_a_cache_is_used_again_without_opening_an_image(photos, caches, monkeypatch):
    images = images_of(photos)
    from_disk(images, caches)
    names = decoded(monkeypatch)
    from_disk(images_of(photos), caches)
    assert names == []


def test_a_changed_image_makes_another_cache_and_the_old_one_goes(photos, caches):
    from_disk(images_of(photos), caches)
    (old,) = whole(caches)
    changed = Image.fromarray(np.full((40, 50, 3), 200, np.uint8))
    before = (photos / "3.png").stat()
    changed.save(photos / "3.png")
    built = from_disk(images_of(photos), caches)
    assert same(built, build_pyramid(images_of(photos), GRIDS))
    (new,) = whole(caches)
    assert new != old
    # and one of the same size at another time
    os.utime(photos / "3.png", ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    from_disk(images_of(photos), caches)
    (newest,) = whole(caches)
    assert newest not in (old, new)


def test_images_in_no_file_are_known_by_their_pixels(caches):
    shade = [10]
    images = [NamedImage("grey", lambda: np.full((16, 16, 3), shade[0], np.uint8))]
    for value in (10, 20):
        shade[0] = value
        assert from_disk(images, caches).images[0]["clean"][0].max() == value


@pytest.mark.parametrize(
    "change",
    [
        {"grids": GridHierarchy((16, 16), levels=2)},
        {"grids": GridHierarchy((8, 8), levels=3)},
        {"restriction": "injection"},
        {"bad_images": "skip"},
    ],
    ids=str,
)
def test_another_rule_has_another_cache(photos, caches, change):
    options = {"grids": GRIDS, "memory": 0, "cache_dir": caches}
    images = images_of(photos)
    build_pyramid(images, **options)
    build_pyramid(images, **{**options, **change})
    assert len(whole(caches)) == 2


def damage(directory, how):
    pixels, index = directory / "clean_1.bin", directory / "index.json"
    if how == "shorter":
        with pixels.open("r+b") as file:
            file.truncate(pixels.stat().st_size - 1)
    elif how == "longer":
        pixels.write_bytes(pixels.read_bytes() + b"\0")
    elif how == "no pixels":
        pixels.unlink()
    elif how == "no index":
        index.unlink()
    elif how == "torn index":
        index.write_text(index.read_text()[:-9])
    elif how == "another index":
        index.write_text(json.dumps([1, 2]))
    elif how == "an image less":
        content = json.loads(index.read_text())
        index.write_text(json.dumps({**content, "shapes": content["shapes"][1:]}))


@pytest.mark.parametrize(
    "how",
    ["shorter", "longer", "no pixels", "no index", "torn index", "another index", "an image less"],
)
def test_a_damaged_cache_is_noticed_and_made_anew(photos, caches, how, monkeypatch):
    images = images_of(photos)
    from_disk(images, caches)
    damage(whole(caches)[0], how)
    names = decoded(monkeypatch)
    built = from_disk(images, caches)
    assert len(names) == len(images)
    monkeypatch.undo()
    assert same(built, build_pyramid(images, GRIDS))
    assert len(whole(caches)) == 1


# --- what can go wrong while it is made -----------------------------------------------------------


def test_a_full_disk_is_an_error_that_says_what_to_do_and_leaves_nothing(photos, caches):
    caches.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"image cache in .*can't be written.*another cache_dir"):
            from_disk(images_of(photos), caches)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert whole(caches) == []
    assert same(from_disk(images_of(photos), caches), build_pyramid(images_of(photos), GRIDS))


def test_a_place_that_is_no_folder_is_an_error(photos, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"image cache in .*file.*can't be written"):
        from_disk(images_of(photos), tmp_path / "file")


KILLED = """
import os, signal, sys
from telegrad.data import Folder
from telegrad.data.cache import CachePlace
from telegrad.data.pyramid import build_pyramid
from telegrad.mge.grids import GridHierarchy

write = CachePlace._write_pixels

def killed(self, path, levels):
    write(self, path, levels)
    os.kill(os.getpid(), signal.SIGKILL)

CachePlace._write_pixels = killed
photos, caches = sys.argv[1:]
images = Folder(path=photos).source().train
build_pyramid(images, GridHierarchy((16, 16), 3), memory=0, cache_dir=caches)
"""


def test_a_process_killed_while_it_writes_leaves_nothing_that_is_trusted(photos, caches):
    killed = subprocess.run([sys.executable, "-c", KILLED, photos, caches], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = whole(caches)
    assert left.suffix == ".part"
    images = images_of(photos)
    assert same(from_disk(images, caches), build_pyramid(images, GRIDS))
    (made,) = whole(caches)
    assert made.suffix != ".part"


def test_two_at_once_make_one_cache_and_both_use_it(photos, caches, monkeypatch):
    images, written, write = images_of(photos), [], CachePlace._write
    both = threading.Barrier(2)
    fill = CachePlace.fill

    def together(self, *arguments):
        both.wait(60)  # neither has found a cache
        return fill(self, *arguments)

    def noted(self, *arguments):
        written.append(1)
        return write(self, *arguments)

    monkeypatch.setattr(CachePlace, "fill", together)
    monkeypatch.setattr(CachePlace, "_write", noted)
    built = [None, None]

    def build(k):
        built[k] = from_disk(images, caches)

    threads = [threading.Thread(target=build, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(written) == 1
    assert same(*built)


def test_images_that_were_skipped_are_named_again_when_the_cache_is_used(photos, caches):
    (photos / "2.png").write_text("not an image")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"skipped .*2\.png: can't be read"):
            built = from_disk(images_of(photos), caches, bad_images="skip")
        assert len(built.images) == 6
    with pytest.raises(OSError, match=r"2\.png: can't be read.*use bad_images=skip"):
        from_disk(images_of(photos), caches)
    assert len(whole(caches)) == 1


def test_a_bad_image_among_the_last_ones_is_refused_and_no_cache_is_left(photos, caches):
    (photos / "7.png").write_text("not an image")
    with pytest.raises(OSError, match=r"7\.png: can't be read.*use bad_images=skip"):
        from_disk(images_of(photos), caches)
    assert whole(caches) == []
