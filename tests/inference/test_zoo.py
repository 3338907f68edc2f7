"""Networks of spandrel and deepinv by class path: trained, evaluated, restored from their files."""

import pytest
import torch

from telegrad.files import read_yaml
from telegrad.inference import Model, evaluate_model, load_model, restore_image
from telegrad.runs import run
from telegrad.runs.build import build_network, build_objective
from telegrad.runs.compose import compose

ROOM = "spandrel.architectures"
TIMES_4 = {"task": "superresolution", "scale": "4"}
ZOO = {
    "NAFNet": {
        "network": f"{ROOM}.NAFNet.NAFNet", "network.width": "4", "network.enc_blk_nums": "1,1",
        "network.dec_blk_nums": "1,1",
    },
    "SwinIR": {
        **TIMES_4, "network": f"{ROOM}.SwinIR.SwinIR", "network.depths": "[1]",
        "network.num_heads": "[1]", "network.embed_dim": "4", "network.window_size": "8",
        "network.upsampler": "pixelshuffledirect", "size": "128",
    },
    "DnCNN": {
        "network": f"{ROOM}.DnCNN.DnCNN", "network.nc": "4", "network.nb": "3", "color": "grey",
    },
    "DnCNN of deepinv": {
        "network": "deepinv.models.DnCNN", "network.nf": "4", "network.depth": "3",
        "network.pretrained": "null",
    },
    "DRUNet": {
        "network": "deepinv.models.DRUNet", "network.pretrained": "null", "network.nb": "1",
        "network.nc": "[4,4,4,4]", "color": "grey", "sigma": "0..50",
    },
    "RCAN": {
        **TIMES_4, "network": f"{ROOM}.RCAN.RCAN", "network.n_feats": "4", "network.reduction": "2",
        "network.n_resgroups": "1", "network.n_resblocks": "1", "color": "grey",
        "network.norm": "false",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ZOO)
def test_trained_evaluated_and_restored(name, tmp_path):
    options = {
        "size": "64", "strategy": "Multiscale", "batch_sizes": "2,1", "steps": "3", "device": "cpu",
        "validation.images": "2", "validation.times": "1", "out": str(tmp_path),
    }  # fmt: skip
    config = compose({**options, **ZOO[name]})
    report = run(config)
    assert (
        read_yaml(report.files.path / "config.yaml")["network"]["class_path"]
        == (ZOO[name]["network"])
    )
    model = load_model(report.files.best)
    _, restored = evaluate_model(model, images=2)
    assert restored.psnr.isfinite().all()
    image = torch.rand(3, 21, 37)
    assert restore_image(model, image, noise=0.1).shape == (
        3,
        model.task.scale * 21,
        model.task.scale * 37,
    )
    small = restore_image(model, image[:, :5, :7], noise=0.1)
    assert small.isfinite().all()


def test_a_network_that_sees_the_whole_image_restores_pieces_as_large_as_in_training():
    def tile(**options):
        config = compose({"size": "64", **options})
        return Model(config, build_objective(config), build_network(config)).tile

    assert tile(**ZOO["NAFNet"]) == 64
    assert tile(**ZOO["RCAN"]) == 16
    assert tile(**ZOO["DnCNN"]) == tile(network="GatedUNet") == 512
