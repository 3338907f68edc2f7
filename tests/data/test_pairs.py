"""Pairs in two folders or by two patterns: matched by name, or refused by name."""

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.data import Folder, Pairs
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import CropStream
from telegrad.mge.grids import GridHierarchy


@pytest.fixture
def save(photograph):
    """Writes a photograph by its seed; smaller by a factor, if that is given."""

    def write(path, seed=0, factor=1, shape=(72, 96)):
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(photograph(seed, shape))
        image.resize((shape[1] // factor, shape[0] // factor), Image.Resampling.BOX).save(path)

    return write


@pytest.fixture
def folders(tmp_path, save):
    """Twelve pairs in lq and gt, of a scale; the inputs are the targets, shrunk."""

    def make(scale=1, root=tmp_path, names=range(12), suffix=""):
        for k in names:
            save(root / "gt" / f"{k:02}.png", k)
            save(root / "lq" / f"{k:02}{suffix}.png", k, scale)
        return root

    return make


def pairs(root, given="lq", target="gt", **options):
    return Pairs(path=str(root), input=given, target=target, **options)


def stems(images):
    return [image.key.rsplit("/", 1)[-1].removesuffix(".png") for image in images]


def test_every_tenth_pair_validates(folders):
    source = pairs(folders()).source()
    assert stems(source.val) == ["00", "10"]
    assert stems(source.train) == [f"{k:02}" for k in range(12) if k not in (0, 10)]
    assert all(np.array_equal(image.open(), image.low()) for image in (*source.train, *source.val))


@pytest.mark.parametrize("suffix", ["x2", "_x2", "-X2", ""])
def test_inputs_may_say_their_scale(folders, suffix):
    source = pairs(folders(scale=2, suffix=suffix)).source()
    for image in source.train:
        (height, width), (h, w) = image.open().shape[:2], image.low().shape[:2]
        assert (height, width) == (2 * h, 2 * w)


def test_patterns_match_what_their_stars_stand_for(tmp_path, save):
    for k in range(3):
        save(tmp_path / f"a/{k}_real.JPG", k)
        save(tmp_path / f"a/{k}_mean.JPG", k)
    source = pairs(tmp_path, "*_real.JPG", "*_mean.JPG").source()
    named = [[file.name for file in image.files] for image in (*source.val, *source.train)]
    assert named == [[f"{k}_mean.JPG", f"{k}_real.JPG"] for k in range(3)]


def test_a_file_that_both_patterns_match_belongs_to_the_longer_one(tmp_path, save):
    for k in range(2):
        save(tmp_path / f"{k}.png", k)
        save(tmp_path / f"{k}_gt.png", k)
    source = pairs(tmp_path, "*.png", "*_gt.png").source()
    assert [f.name for f in source.val[0].files] == ["0_gt.png", "0.png"]


def test_train_and_val_are_used_as_their_names_say(tmp_path, folders):
    folders(root=tmp_path / "train", names=range(3))
    folders(root=tmp_path / "val", names=(7,))
    folders(root=tmp_path / "test", names=(8,))
    source = pairs(tmp_path).source()
    assert (stems(source.train), stems(source.val)) == (["00", "01", "02"], ["07"])
    assert source.notes == (f"{tmp_path / 'test'} is for testing, and left alone",)
    with pytest.raises(ValueError, match=rf"holds train, .*--data\.path {tmp_path / 'val'}\."):
        pairs(tmp_path).all_images()
    assert stems(pairs(tmp_path / "val").all_images().val) == ["07"]


def test_files_without_a_pair_are_refused_by_name_or_skipped(folders, save):
    root = folders()
    (root / "lq/03.png").unlink()
    save(root / "lq/99.png")
    save(root / "gt/05.jpg", 5)
    says = r"3 names without a pair \(2 targets of the name '05': .*05.jpg.*gt/03.png: .*lq/99.png"
    with pytest.raises(ValueError, match=says):
        pairs(root).source()
    with pytest.warns(UserWarning, match="skipped") as warned:
        source = pairs(root, bad_images="skip").source()
    said = " ".join(str(w.message) for w in warned)
    assert all(name in said for name in ("'05'", "gt/03.png", "lq/99.png"))
    assert not {"03", "05", "99"} & set(stems((*source.train, *source.val)))
    assert source.notes == ("left out 3 names without a pair",)


@pytest.mark.filterwarnings("ignore:skipped")
def test_what_can_not_be_read_does_not_validate(folders):
    root = folders()
    (root / "lq/00.png").write_bytes(b"no image")
    assert stems(pairs(root, bad_images="skip").source().val) == ["01", "11"]


def test_pairs_of_other_sizes_are_named(folders, save):
    root, grids = folders(), GridHierarchy((32, 32), levels=2)
    save(root / "lq/04.png", 4, shape=(60, 96))
    images = pairs(root).source().train
    with pytest.raises(ValueError, match=r"gt/04\.png: high resolution 72×96, low .* 60×96"):
        build_pyramid(images, grids, pairs=True, scale=1)
    with pytest.warns(UserWarning, match=r"skipped .*gt/04\.png"):
        assert len(build_pyramid(images, grids, "averaging", "skip", pairs=True, scale=1)) == 9


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_both_of_a_pair_are_cropped_at_the_same_place_on_every_level(folders, scale):
    """The inputs are block averages of the targets, and so are those of the crops."""
    images = pairs(folders(scale)).source().train
    grids = GridHierarchy((48, 48), levels=2)
    pyramid = build_pyramid(images, grids, pairs=True, scale=scale)
    for crops in CropStream(pyramid, seed=0).take([4, 4]):
        clean, low = (crops[name].float() for name in ("clean", "low"))
        average = torch.nn.functional.avg_pool2d(clean, scale)
        assert low.shape == average.shape
        assert (average - low).abs().max() <= 1.5  # each was rounded to whole numbers


@pytest.mark.parametrize(
    ("given", "target"), [("lq", "lq"), ("*_a.png", "gt"), ("*_*.png", "*_b.png"), ("lq", "*")]
)
def test_names_that_make_no_pairs_are_refused_at_once(given, target):
    with pytest.raises(ValueError, match="needs two folders, .*or two patterns with one"):
        pairs("photos", given, target)


def test_what_is_not_there_is_named_with_what_is(folders, tmp_path):
    root = folders()
    with pytest.raises(FileNotFoundError, match=r"--data\.input noisy: .* folders there: gt, lq"):
        pairs(root, "noisy").source()
    with pytest.raises(ValueError, match=r"--data\.target '\*_b\.png' matches none of 24 images"):
        pairs(root, "*.png", "*_b.png").source()
    with pytest.raises(FileNotFoundError, match="is not a directory; needs a folder with pairs"):
        pairs(tmp_path / "gone").source()
    for k in range(1, 12):
        for folder in ("gt", "lq"):
            (root / folder / f"{k:02}.png").unlink()
    with pytest.raises(ValueError, match="needs two or more, one of them to validate on"):
        pairs(root).source()


def test_a_folder_of_pairs_says_how_to_train_on_them(folders):
    root = folders()
    with pytest.raises(ValueError, match=r"train pairs .*--data\.input lq --data\.target gt"):
        Folder(path=str(root)).source()
