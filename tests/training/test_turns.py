import torch

from telegrad.training.turns import turned


def of(seed):
    return torch.Generator().manual_seed(seed)


def test_an_image_becomes_each_of_its_eight_turns_equally_often():
    image = torch.arange(9.0).view(1, 1, 3, 3)
    out = turned({"clean": image.expand(4000, -1, -1, -1)}, of(0))["clean"]
    kinds, counts = torch.unique(out.flatten(1), dim=0, return_counts=True)
    whole = {
        tuple(x.rot90(k).flatten().tolist()) for x in (image[0, 0], image[0, 0].T) for k in range(4)
    }
    assert {tuple(kind.tolist()) for kind in kinds} == whole
    assert counts.min() > 400


def test_all_fields_are_turned_alike():
    clean = torch.rand(16, 3, 8, 8, generator=of(1))
    fields = turned({"clean": clean, "low": clean[..., ::2, ::2] * 1}, of(2))
    enlarged = fields["low"].repeat_interleave(2, -1).repeat_interleave(2, -2)
    assert (enlarged == fields["clean"]).flatten(1).any(1).all()
    assert (enlarged == fields["clean"]).float().mean() >= 0.25


def test_images_that_are_not_square_keep_their_shape():
    assert turned({"clean": torch.rand(8, 1, 4, 6)}, of(0))["clean"].shape == (8, 1, 4, 6)


def test_restricting_and_turning_change_places():
    """So that a coarse level's own samples are distributed as restricted ones."""
    from telegrad.mge.restriction import averaging

    images = torch.rand(8, 3, 8, 8, generator=of(3))
    turned_first = averaging(turned({"clean": images}, of(4))["clean"])
    torch.testing.assert_close(turned_first, turned({"clean": averaging(images)}, of(4))["clean"])
