"""Networks kept as the Hugging Face hub keeps them, in local folders."""

import copy
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from telegrad.networks import GatedUNet, PlainCNN, ResNet, hub

IMAGES = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
MADE = [
    (GatedUNet, {"channels": 4, "halvings": 1}),
    (PlainCNN, {"channels": 4}),
    (ResNet, {"channels": 4, "time": False}),
]


@pytest.mark.parametrize(("kind", "arguments"), MADE)
def test_what_is_saved_comes_back_with_its_arguments_and_weights(kind, arguments, tmp_path):
    torch.manual_seed(0)
    network = kind(**arguments).eval()
    network.save_pretrained(tmp_path / "net")
    kept = json.loads((tmp_path / "net/config.json").read_text())
    assert arguments.items() <= kept.items()
    assert load_file(tmp_path / "net/model.safetensors").keys() == network.state_dict().keys()
    again = kind.from_pretrained(tmp_path / "net")
    assert type(again) is kind and not again.training
    torch.testing.assert_close(again(IMAGES), network(IMAGES))


def test_arguments_by_position_and_those_of_a_copy_are_kept(tmp_path):
    copy.deepcopy(GatedUNet(4, 1)).save_pretrained(tmp_path / "net")
    again = GatedUNet.from_pretrained(tmp_path / "net")
    assert (again.opening.out_channels, again.multiple) == (4, 2)


def test_a_network_that_is_there_is_not_replaced(tmp_path):
    GatedUNet(channels=4).save_pretrained(tmp_path)
    with pytest.raises(FileExistsError, match="is there already; choose another folder"):
        GatedUNet(channels=8).save_pretrained(tmp_path)


def test_without_huggingface_hub_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    hub.hub_class.cache_clear()
    with pytest.raises(ValueError, match=r"pip install 'telegrad\[hub\]'"):
        PlainCNN(channels=4).save_pretrained(tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_networks_load_it_only_when_it_is_needed():
    code = "import sys, telegrad.networks; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
