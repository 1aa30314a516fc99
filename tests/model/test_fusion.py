"""Late fusion is the mean of its streams, each of which starts from its own trained net."""

from pathlib import Path

import pytest
import torch
from conftest import Command, call
from data import test_nyud

from fcnlab.cli.compose import build, compose
from fcnlab.model.fusion import LateFusion

SMALL = ("model.backbone.width=0.05", "model.backbone.fc_channels=8")


def net(*words: str) -> LateFusion:
    found = build(compose("train", [*SMALL, *words]).model, num_classes=5).eval()
    assert isinstance(found, LateFusion)
    for tensor in found.parameters():
        torch.nn.init.normal_(tensor, std=0.1)
    return found


@pytest.mark.parametrize("model", ["fcn32s_late", "fcn16s_late"])
def test_the_logits_are_the_mean_of_those_of_the_streams(model: str) -> None:
    fused, image = net(f"model={model}", "~model.streams.hha", "+model.streams.depth=1"), torch.randn(2, 4, 61, 45)
    single = [fused.nets["color"](image[:, :3]), fused.nets["depth"](image[:, 3:])]
    torch.testing.assert_close(fused(image), (single[0] + single[1]) / 2)
    score = fused(image, upsampled=False)
    last = fused.last_upsampling
    torch.testing.assert_close(last(score, start=last.shift, height=61, width=45), fused(image))
    assert fused.overlap == 288  # of each stream, see test_tiling.py: so large images are cut into exact tiles


@pytest.mark.slow
def test_each_stream_starts_from_its_own_run(command: Command, tmp_path: Path) -> None:
    root = test_nyud.make(tmp_path / "data")
    common = (f"data.root={root}", *SMALL, "data.complete=false", "data.val_fraction=0.3", "trainer=smoke")
    common = (*common, "logger=none", "trainer.precision=32-true", "trainer.enable_progress_bar=false")
    last = {}
    for kind, model in (("color", "fcn32s"), ("hha", "fcn32s"), ("color-hha", "fcn32s_late")):
        weights = f"weights={{color: {last['color']}, hha: {last['hha']}}}" if model != "fcn32s" else "weights=null"
        words = (f"data.input={kind}", f"model={model}", weights, "optim.lr=1e-30" if last else "optim.lr=1e-4")
        assert call("train", ("experiment=nyud", *words, *common, "seed=1" if kind == "hha" else "seed=0"))[0] == 0
        (run,) = Path("runs").glob(f"nyud-{model}-nyud_{kind}-*")
        last[kind] = run / "checkpoints" / "last.ckpt"
    states = {kind: torch.load(path, weights_only=True)["state_dict"] for kind, path in last.items()}
    for stream in ("color", "hha"):
        own = {k.removeprefix("net."): v for k, v in states[stream].items() if k.startswith("net.")}
        assert any("score_fr" in name and tensor.any() for name, tensor in own.items())
        for name, tensor in own.items():
            found = states["color-hha"][f"net.nets.{stream}.{name}"]
            # The single colour net saw BGR, the fused one RGB: its first filters are turned round.
            turned = stream == "color" and name == "backbone.conv1_1.weight"
            torch.testing.assert_close(found, tensor.flip(1) if turned else tensor)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model=fcn32s_late", "weights={color: a.ckpt}"], "does not fit the net: its streams are color, hha"),
        (["model=fcn32s", "weights={color: a.ckpt}"], "it has no streams. Give one file or name"),
        (["model=fcn32s_late", "~model.streams.hha"], "fuses nothing. Name two or more"),
        (["model=fcn32s_late", "+model.streams.aux=1"], "model.streams names a head 'aux'"),
        (["model=fcn32s_late"], "The images have 3 channels, but model.streams shares out 6: color 3, hha 3"),
    ],
)
def test_what_does_not_fit_is_told(words: list[str], message: str, command: Command) -> None:
    tiny = ("data=shapes", "data.images.train=8", "data.images.val=1", "data.images.test=1", "data.size=32", *SMALL)
    outcome = command("train", *tiny, *words, "logger=none", "data.batch_size=2")
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text
