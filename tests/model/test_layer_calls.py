"""Layer calls in bfloat16 do what they do in float32, in processes of their own: a call may corrupt memory."""

import subprocess
import sys

import pytest
from model.layer_calls import check, cpu, shipped

STEPS = """
import torch
from fcnlab.model.fcn import ScoreLayer

for classes in (1, 2, 11, 15):
    layer = ScoreLayer(4096, classes)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for step in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            score = layer(torch.ones(2, 4096, 12, 15, requires_grad=True))
        optimizer.zero_grad()
        (score.float() - 1).square().mean().backward()
        optimizer.step()
    assert layer.weight.isfinite().all() and layer.weight.all() and layer.bias.all()
    print(classes)
"""


@pytest.mark.slow
def test_two_steps_of_the_full_score_layer_corrupt_no_memory() -> None:
    # Only on a CPU with AMX a bias within the convolution would end this process.
    ended = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=False)
    print(f"{cpu()}: {'this can fail here' if 'with amx' in cpu() else 'this cannot fail here: no AMX'}")
    assert ended.returncode == 0, f"{cpu()}: {ended.stderr[-2000:]}"
    assert ended.stdout.split() == ["1", "2", "11", "15"]


def test_a_wrong_call_is_found(tmp_path) -> None:
    import torch
    from model.layer_calls import compare

    class Rough(torch.nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * (1.2 if torch.is_autocast_enabled("cpu") else 1.0)

    assert compare(torch.nn.Conv2d(3, 4, 3), (1, 3, 9, 9)) == ""
    assert "output is off by 0.2" in compare(Rough(3, 4, 3), (1, 3, 9, 9))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcn8s/vgg16_narrow", "fcn8s/alexnet", "fcn8s/googlenet", "unet", "lraspp"])
def test_every_layer_call_in_bfloat16_is_the_one_in_float32(name: str) -> None:
    result = check(name, shipped()[name])
    assert result["calls"] > 5
    assert result["wrong"] == []
