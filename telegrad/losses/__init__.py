"""Losses of restored images, one file each; one number per sample."""

from telegrad.losses.base import Loss
from telegrad.losses.charbonnier import Charbonnier
from telegrad.losses.l1 import L1
from telegrad.losses.mse import MSE
from telegrad.losses.per_sample import per_sample
from telegrad.losses.ssim import SSIM, similarity

__all__ = ["L1", "MSE", "SSIM", "Charbonnier", "Loss", "per_sample", "similarity"]
