"""Runs described in short, for tests."""

from dataclasses import asdict

from telegrad.runs.component import KINDS
from telegrad.runs.compose import compose
from telegrad.runs.settings import SETTINGS

SHORT = {
    "channels": "network.channels",
    "dropout": "network.dropout",
    "residual": "network.residual",
    "path": "data.path",
    "bad_images": "data.bad_images",
    "images": "validation.images",
    "validations": "validation.times",
}
"""Options whose names are short in tests alone."""


def described(**options):
    """The run of these options, as on the command line; of the paper's denoising if none is said."""
    return compose(_named({"task": "paper_denoising", **options}))


def changed(config, **options):
    """The same run with other options."""
    parts = {name: getattr(config, name) for name in KINDS if getattr(config, name) is not None}
    parts |= {name: asdict(getattr(config, name)) for name in SETTINGS} | {"seed": config.seed}
    return compose(_named(options), parts)


def _named(options):
    return {SHORT.get(name, name): value for name, value in options.items() if value is not None}
