"""Small datasets, written in the form in which they lie on a user's disk."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.datasets import CIFAR10, STL10


def random_pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def digest(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar10(data_dir, monkeypatch, images=6):
    """The five pickled batches, the test batch and the names of the classes, with their digests."""
    root = Path(data_dir) / "cifar-10-batches-py"
    root.mkdir(parents=True)
    digests = {}
    pixels = {}
    for k, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        pixels[name] = random_pixels(images, 3072, seed=k)
        batch = {"data": pixels[name], "labels": [k] * images, "batch_label": name, "filenames": []}
        (root / name).write_bytes(pickle.dumps(batch, protocol=2))
        digests[name] = digest(root / name)
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat"] * 10}, protocol=2))
    monkeypatch.setattr(
        CIFAR10, "train_list", [[n, d] for n, d in digests.items() if n != "test_batch"]
    )
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", digests["test_batch"]]])
    meta = {**CIFAR10.meta, "md5": digest(root / "batches.meta")}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return pixels


def write_stl10(data_dir, monkeypatch, images=5):
    """The binary files: pixels of an image by channel, then column, then row; labels from 1."""
    root = Path(data_dir) / "stl10_binary"
    root.mkdir(parents=True)
    contents = {
        name: random_pixels(n, 3, 96, 96, seed=n)
        for name, n in (("train_X.bin", images), ("unlabeled_X.bin", 7), ("test_X.bin", 4))
    }
    for name, pixels in contents.items():
        pixels.transpose(0, 1, 3, 2).tofile(root / name)
    for name, n in (("train_y.bin", images), ("test_y.bin", 4)):
        np.ones(n, np.uint8).tofile(root / name)
    (root / "class_names.txt").write_text("airplane\nbird\n")
    (root / "fold_indices.txt").write_text("0 1\n")

    def listed(names):
        return [[name, digest(root / name)] for name in names]

    monkeypatch.setattr(
        STL10, "train_list", listed(["train_X.bin", "train_y.bin", "unlabeled_X.bin"])
    )
    monkeypatch.setattr(STL10, "test_list", listed(["test_X.bin", "test_y.bin"]))
    return contents


def write_celeba(data_dir, images=12):
    """The aligned images, their split, and the attributes, in the dataset's own text formats."""
    root = Path(data_dir) / "CelebA"
    (root / "img_align_celeba").mkdir(parents=True)
    names = [f"{k:06}.jpg" for k in range(1, images + 1)]
    for k, name in enumerate(names):
        coarse = Image.fromarray(random_pixels(8, 8, 3, seed=k))
        coarse.resize((178, 218), Image.Resampling.BICUBIC).save(root / "img_align_celeba" / name)
    parts = [0] * (images - 4) + [1] * 3 + [2]
    lines = [f"{name} {part}" for name, part in zip(names, parts, strict=True)]
    (root / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    attributes = [f"{images}", "Smiling Young", *(f"{name}  1 -1" for name in names)]
    (root / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    return names


def write_urban100(data_dir, shapes=((70, 90), (80, 66), (64, 64))):
    """Lists of tensors of unequal sizes."""
    root = Path(data_dir) / "Urban100"
    root.mkdir(parents=True)
    for part, seed in (("train", 0), ("test", 100)):
        high = [
            torch.from_numpy(random_pixels(3, 2 * h, 2 * w, seed=seed + k))
            for k, (h, w) in enumerate(shapes)
        ]
        low = [F.avg_pool2d(image[None].float(), 2)[0].round().byte() for image in high]
        torch.save(high, root / f"high_res_{part}.pt")
        torch.save(low, root / f"low_res_{part}.pt")
    return root
