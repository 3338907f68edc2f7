"""The heart needs torch and what torch needs, and loads nothing else."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from re import match

import telegrad

ROOT = Path(telegrad.__file__).parent.parent


def required_by_torch() -> set[str]:
    """Top-level modules of torch and of all that it requires, extras left out."""
    distributions, new = set(), ["torch"]
    while new:
        name = new.pop().lower().replace("_", "-")
        if name not in distributions:
            distributions.add(name)
            try:
                lines = requires(name) or []
            except PackageNotFoundError:  # for another platform
                continue
            new += [match(r"[\w.-]+", line)[0] for line in lines if "extra ==" not in line]
    return {
        module
        for module, owners in packages_distributions().items()
        if {owner.lower().replace("_", "-") for owner in owners} & distributions
    }


def run(program: str, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


ALONE = '''
import sys, warnings

allowed = {*sys.argv[1:], *sys.stdlib_module_names, "telegrad"}


class TorchAlone:
    """Finds what is allowed; everything else is as if it were not installed."""

    finders = tuple(sys.meta_path)

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in allowed or top.startswith("_sysconfigdata"):
            specs = (finder.find_spec(name, path, target) for finder in self.finders)
            return next((spec for spec in specs if spec is not None), None)


sys.meta_path[:] = [TorchAlone()]
warnings.simplefilter("error")
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
try:
    import numpy
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("numpy is not blocked")
'''

HEART = """
import torch
from torch import nn
from telegrad import CoupledDropout, GridHierarchy, level_statistics, multiscale_backward

torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), CoupledDropout(0.2), nn.Conv2d(4, 1, 1))
grids, images = GridHierarchy((16, 16), 3), torch.randn(14, 1, 16, 16)

def losses(x):
    return (network(x) - x).square().mean((1, 2, 3))

multiscale_backward(losses, images[:8], grids, (8, 4, 2))
multiscale_backward(losses, images, grids, (8, 4, 2), form="independent")
assert all(p.grad.isfinite().all() for p in network.parameters())
statistics = level_statistics(losses, images, grids, network.parameters())
assert str(statistics).startswith("LevelStatistics: 14 draws on 3 levels")
print(statistics.to_dict()["draws"], "draws")
"""


def test_gradient_and_diagnostics_run_with_torch_alone():
    allowed = required_by_torch()
    assert "torch" in allowed and "numpy" not in allowed
    assert run(ALONE + HEART, *allowed) == "14 draws\n"


def test_schedules_run_with_torch_alone():
    program = (
        "import telegrad.schedules\nfrom telegrad import Schedule, Stage\nprint(Stage.__name__)"
    )
    assert run(ALONE + program, *required_by_torch()) == "Stage\n"


HEAVY = (
    *("lightning_fabric", "lightning", "torchvision", "torchmetrics", "matplotlib", "scipy"),
    *("skimage", "jsonargparse", "numpy"),
)


def heavy_modules_after(program: str) -> set[str]:
    return set(run(f"import sys\n{program}\nprint(*(set({HEAVY}) & sys.modules.keys()))").split())


def test_the_heart_loads_nothing_that_torch_does_not_load():
    heart = "import telegrad; telegrad.multiscale_backward; telegrad.level_statistics"
    heart += "; telegrad.Schedule"
    assert heavy_modules_after(heart) <= heavy_modules_after("import torch")


def test_importing_the_package_does_not_load_torch():
    program = "import sys, telegrad; print('torch' in sys.modules)"
    assert run(program) == "False\n"
