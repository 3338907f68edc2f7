"""How good restored images are: whole images of test sets, measured as the field measures them."""

from telegrad.evaluation.measure import measured
from telegrad.evaluation.protocol import Protocol
from telegrad.evaluation.results import Mean, Row, means, means_table, write_rows
from telegrad.evaluation.sets import ImageSet, image_sets

__all__ = [
    "ImageSet",
    "Mean",
    "Protocol",
    "Row",
    "image_sets",
    "means",
    "means_table",
    "measured",
    "write_rows",
]
