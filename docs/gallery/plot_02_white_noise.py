"""
Why noise has a rule of its own
===============================

*Can a noisy photograph simply be made smaller?* Averaging four pixels halves the noise as well: the
coarse image is nearly clean, and a denoiser that is trained on it learns another problem. So image
and noise are fields of their own, each carried to the coarser level by its own rule, and added
there.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import chelsea

from telegrad import restrict

photo = torch.from_numpy(chelsea().copy()).permute(2, 0, 1)[None] / 255
clean = photo[..., 20:276, 100:356]
noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
sigma = 50 / 255

# %%
# Three levels down, in two ways. The rule ``white_noise`` averages and then doubles, which leaves
# white noise of the same strength.

averaged, fields = clean + sigma * noise, {"clean": clean, "noise": noise}
for _ in range(3):
    averaged = restrict(averaged)
    fields = restrict(fields, {"noise": "white_noise"})
ours = fields["clean"] + sigma * fields["noise"]

for name, noisy in (("the noisy image averaged", averaged), ("noise by its own rule", ours)):
    left = (noisy - fields["clean"]).std() * 255
    print(f"{name}: noise of {left:.0f}, on the finest level {sigma * 255:.0f}")

# %%
# On the left the problem that is to be solved; in the middle it has nearly vanished; on the right
# it is the same problem of a smaller photograph.

figure, row = plt.subplots(1, 3, figsize=(12, 4.4))
titles = "finest level, σ = 50", "averaged with its noise", "noise by its own rule"
for axes, title, image in zip(row, titles, (clean + sigma * noise, averaged, ours), strict=True):
    axes.imshow(image[0].permute(1, 2, 0).clamp(0, 1), interpolation="nearest")
    axes.set(title=f"{title} ({image.shape[-1]}×{image.shape[-1]})", xticks=[], yticks=[])
figure.tight_layout()
plt.show()
