"""Images: the datasets, one file each, how images lie on every level, and the stream of crops."""

from telegrad.data.base import BadImages, Data, default_data_dir
from telegrad.data.celeba import CelebA
from telegrad.data.cifar10 import CIFAR10
from telegrad.data.folder import Folder
from telegrad.data.image_pyramid import image_pyramid
from telegrad.data.pairs import Pairs
from telegrad.data.photographs import EightPhotographs, Photographs
from telegrad.data.pyramid import Pyramid
from telegrad.data.source import NamedImage, Source
from telegrad.data.stl10 import STL10
from telegrad.data.urban100 import Urban100

__all__ = [
    "CIFAR10",
    "STL10",
    "BadImages",
    "CelebA",
    "Data",
    "EightPhotographs",
    "Folder",
    "NamedImage",
    "Pairs",
    "Photographs",
    "Pyramid",
    "Source",
    "Urban100",
    "default_data_dir",
    "image_pyramid",
]
