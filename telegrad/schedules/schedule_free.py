"""Optimizers that need no decay of the learning rate, since they average the weights themselves."""

from __future__ import annotations


def is_schedule_free(optimizer: object) -> bool:
    """Whether an optimizer, or a class of them, has one kind of weights for training and another
    for use, between which its methods `train` and `eval` change.

    Its learning rate is to be constant, after a warm-up if there is one.

    Source: Defazio et al., *The Road Less Scheduled*, NeurIPS 2024; the package `schedulefree`.
    """
    return all(callable(getattr(optimizer, mode, None)) for mode in ("train", "eval"))
