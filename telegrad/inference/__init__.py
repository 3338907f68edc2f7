"""What a trained model is good for: measured, applied to images, diagnosed, exported."""

from telegrad.inference.crops import evaluate_model
from telegrad.inference.evaluate import evaluate_folders
from telegrad.inference.export import Exported, export_model
from telegrad.inference.model import Model, load_model
from telegrad.inference.restore import restore_files, restore_image

__all__ = [
    "Exported",
    "Model",
    "evaluate_folders",
    "evaluate_model",
    "export_model",
    "load_model",
    "restore_files",
    "restore_image",
]
