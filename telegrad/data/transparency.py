"""Colors that nobody sees, under fully transparent pixels: filled in from what is seen.

Editors leave anything there, mostly black, which a network or a change of size would mix into the
visible edge.
"""

from __future__ import annotations

import numpy as np


def without_hidden_colors(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colors (h, w, c), where alpha (h, w) is 0 those of the nearest pixel that can be seen.

    If none can, they stay.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return colors
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    filled: np.ndarray = colors[tuple(nearest)]
    return filled
