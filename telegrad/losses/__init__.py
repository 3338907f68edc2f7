"""Losses of restored images, one file each; one number per sample."""

from telegrad.losses.base import Loss
from telegrad.losses.charbonnier import Charbonnier
from telegrad.losses.fft import FFT
from telegrad.losses.l1 import L1
from telegrad.losses.mse import MSE
from telegrad.losses.msssim import MSSSIM
from telegrad.losses.per_sample import per_sample
from telegrad.losses.psnr import PSNR
from telegrad.losses.ssim import SSIM, similarity
from telegrad.losses.sum import Sum

__all__ = [
    "FFT",
    "L1",
    "MSE",
    "MSSSIM",
    "PSNR",
    "SSIM",
    "Charbonnier",
    "Loss",
    "Sum",
    "per_sample",
    "similarity",
]
