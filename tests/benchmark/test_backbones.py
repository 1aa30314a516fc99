"""The facts of Table 1 are read off the nets: the paper's where the nets are the paper's, else worked out by hand."""

import json
import re
from pathlib import Path

import pytest
import torch
from conftest import Command
from torch import nn

from fcnlab.benchmark import backbones as module
from fcnlab.benchmark.backbones import Forward, depth
from fcnlab.comparison.readme import markers

TINY = ["model.backbone.width=0.05", "model.backbone.fc_channels=16"]


def small(backbone: str) -> Forward:
    return Forward(backbone, side=32, words=[] if backbone == "googlenet" else TINY)


def receptive_field(layers: list[tuple[int, int]]) -> int:
    """Of kernels and strides, one after the other (Long et al. 2015, section 3.2)."""
    field, stride = 1, 1
    for kernel, step in layers:
        field, stride = field + stride * (kernel - 1), stride * step
    return field


def test_a_row_has_the_facts_of_the_net_beside_the_published(
    monkeypatch: pytest.MonkeyPatch, command: Command, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "Forward", small)
    readme = tmp_path / "README.md"
    readme.write_text("Before\n{}\nold\n{}\nafter\n".format(*markers("backbones")))
    outcome = command("bench", "sections=[backbones]", "rounds=2", f"output={tmp_path}", f"readme={readme}")
    assert outcome.code == 0, outcome.text
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    found = dict(zip(("alexnet", "vgg16", "googlenet"), rows, strict=True))
    table = readme.read_text()
    assert "| what | measured as | median (spread) | behind it |" in table  # no empty columns
    for name, published in (("alexnet", "50 ms"), ("vgg16", "210 ms"), ("googlenet", "59 ms")):
        assert name in found[name]["what"]
        assert len(found[name]["values"]) == 2
        assert f"{published} on a Tesla K40c" in found[name]["detail"]
        assert found[name]["detail"] in table
    for name in ("alexnet", "vgg16"):  # the paper's own nets
        ours, _, theirs = found[name]["detail"].partition(". CVPR")
        for fact in (r"(\d+) convolutions", r"receptive field (\d+)", r"stride (\d+)"):
            (one,), (other,) = re.findall(fact, ours), re.findall(fact, theirs)
            assert one == other, (name, fact)
    # torchvision's: 3x3 kernels where the paper's have 5x5, four pools of 3x3 but for the last, of 2x2.
    stem = [(7, 2), (3, 2), (1, 1), (3, 1), (3, 2)]
    field = receptive_field([*stem, *[(3, 1)] * 2, (3, 2), *[(3, 1)] * 5, (2, 2), *[(3, 1)] * 2])
    parameters = sum(p.numel() for p in small("googlenet").net.parameters())
    facts = f"{parameters:,} parameters, 22 convolutions in a row, receptive field {field}, stride 32. "
    assert found["googlenet"]["detail"].startswith(facts)


def test_the_depth_is_that_of_the_longest_way() -> None:
    image, conv = torch.randn(1, 2, 8, 8), [nn.Conv2d(2, 2, 3, padding=1) for _ in range(4)]
    assert depth(conv[0](image)) == 1
    long = conv[2](conv[1](conv[0](image)).relu())
    assert depth(torch.cat([long + conv[3](image), conv[3](image)], 1)) == 3
    assert depth(image) == 0
