"""
A photograph on every level
===========================

*What is a level, and what does it cost?* Level 0 is the coarsest; each finer one halves the width
of a pixel. A network of convolutions takes images of any size, so the same network can be trained
on each of them, at a quarter, a sixteenth, … of the cost.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import astronaut

from telegrad import GridHierarchy, restrict

photo = torch.from_numpy(astronaut()).permute(2, 0, 1)[None] / 255  # (1, 3, 512, 512)
crop = photo[..., :256, 96:352]

# %%
# The levels are named by the size of the finest. Printed, they say what an image costs on each: one
# *work unit* is a forward and backward pass of one image on the finest level.

grids = GridHierarchy(finest=(256, 256), levels=5)
print(grids)

# %%
# ``restrict`` carries a field to the next coarser level; an image is averaged over squares of 2 × 2
# pixels.

levels = [crop]
while len(levels) < grids.levels:
    levels.insert(0, restrict(levels[0]))

# %%
# Shown at one size, one sees what a coarse level still knows of the picture; shown pixel for pixel,
# one sees what it costs.

figure, rows = plt.subplots(2, grids.levels, figsize=(12, 5.4))
for level, image in enumerate(levels):
    pixels = image[0].permute(1, 2, 0)
    rows[0, level].imshow(pixels, interpolation="nearest")
    rows[0, level].set_title(f"level {level}: {image.shape[-2]}×{image.shape[-1]}")
    rows[1, level].imshow(pixels, extent=(0, image.shape[-1], image.shape[-2], 0))
    rows[1, level].set(xlim=(0, 256), ylim=(256, 0))
    rows[1, level].set_xlabel(f"{grids.cost(level):g} work units")
for axes in rows.flat:
    axes.set(xticks=[], yticks=[])
figure.tight_layout()
plt.show()
