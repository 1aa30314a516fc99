"""Labels worked out tile by tile are those of the whole image."""

import itertools
from typing import Any

import pytest
import torch
from conftest import Command, Trained
from torch.utils._python_dispatch import TorchDispatchMode

from fcnlab.cli.compose import build, compose
from fcnlab.task.tiling import TiledNet, cuts, label_at_size, label_in_tiles


@pytest.mark.parametrize("padding", ["same", "100"])
@pytest.mark.parametrize("model", ["fcn32s", "fcn8s"])
def test_tiles_get_the_labels_of_the_whole(model: str, padding: str) -> None:
    small = ["model.backbone.width=0.05", "model.backbone.fc_channels=8", f"model.backbone.padding={padding}"]
    net = build(compose("train", [f"model={model}", *small]).model, num_classes=5).double().eval()
    for name, parameter in net.named_parameters():
        if name.startswith("score") and name.endswith("weight"):  # a bias would outshout them
            torch.nn.init.normal_(parameter)
    assert net.overlap == 288  # VGG16's receptive field is 404 pixels: 202 to each side, two elements, rounded up
    size = (900, 40) if model == "fcn8s" else (40, 900)
    image = 3 * torch.randn(1, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        net.score_fr.bias -= net(image).mean((0, 2, 3))  # no class wins everywhere
    seen = []

    def score(tile: torch.Tensor) -> torch.Tensor:
        seen.append(tile.shape[-2:])
        return net(tile)

    with torch.no_grad():
        whole = net(image).argmax(1)
        tiles = label_in_tiles(score, image, side=256, overlap=net.overlap)
    assert whole.unique().numel() > 1
    assert torch.equal(whole, tiles.long())
    assert [max(tile) for tile in seen] == [544, 800, 676, 420]  # what memory goes with
    with torch.no_grad():  # a narrower margin is not enough: the overlap is no waste
        narrow = label_in_tiles(net, image, side=256, overlap=32)
    assert not torch.equal(whole, narrow.long())


def test_every_pixel_is_in_one_tile() -> None:
    for length, side in itertools.product((1, 31, 32, 33, 100), (32, 64)):
        tiles = list(cuts(length, side, 32))
        assert [pixel for begin, end, *_ in tiles for pixel in range(begin, end)] == list(range(length))
        assert all(low % 32 == 0 and low >= 0 and high <= length for _, _, low, high in tiles)


@pytest.mark.parametrize("size", [(80, 90), (7, 5), (1, 1)])
def test_one_class_after_the_other_gives_the_labels_of_all_at_once(size: tuple[int, int]) -> None:
    logits = torch.randn(2, 6, 20, 30)
    plainly = torch.nn.functional.interpolate(logits, size=size, mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(label_at_size(logits, torch.Size(size)).long(), plainly)


def test_a_net_of_known_reach_gives_the_whole_images_logits_in_tiles() -> None:
    small = ["model=fcn8s", "model.backbone.width=0.05", "model.backbone.fc_channels=8"]
    net = build(compose("train", small).model, num_classes=3).double().eval()
    for name, parameter in net.named_parameters():
        if name.startswith("score"):
            torch.nn.init.normal_(parameter)
    image = torch.randn(1, 3, 700, 40, dtype=torch.float64)
    tiled = TiledNet(net, side=128)
    with torch.no_grad():
        torch.testing.assert_close(tiled(image), net(image).float(), rtol=1e-5, atol=1e-5)
        assert torch.equal(tiled.label(image).long(), net(image).argmax(1))


def test_windows_of_unknown_reach_are_blended_and_a_small_image_is_whole() -> None:
    net = torch.nn.Conv2d(3, 2, 1)  # sees one pixel: its windows must agree wherever they are cut
    image = torch.randn(2, 3, 100, 70)
    tiled = TiledNet(net, side=32)
    assert tiled.overlap is None
    torch.testing.assert_close(tiled(image), net(image), rtol=1e-5, atol=1e-5)
    blur = torch.nn.Conv2d(3, 2, 5, padding=2)
    whole, blended = blur(image), TiledNet(blur, side=32)(image)
    assert not torch.equal(whole, blended)
    assert (whole - blended).abs().mean() < 0.2 * whole.abs().mean()
    assert torch.equal(TiledNet(blur, side=128)(image), whole)


def test_the_map_of_a_large_image_is_made_once_not_once_for_each_tile() -> None:
    class Made(TorchDispatchMode):
        whole = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            self.whole += isinstance(made, torch.Tensor) and made.shape[-2:] == (96, 96) and "new_" in func.__name__
            return made

    blended = TiledNet(torch.nn.Conv2d(3, 2, 1), side=32)
    exact = TiledNet(torch.nn.Conv2d(3, 2, 1), side=32)
    exact.net.overlap = 0
    for tiled in (blended, exact):
        with Made() as made, torch.no_grad():
            tiled(torch.randn(1, 3, 96, 96))
        assert made.whole == 1 + (tiled is blended)  # and the sum of the weights


@pytest.mark.slow
def test_evaluate_in_tiles_gives_the_same_scores(lively: Trained, command: Command) -> None:
    words = ("evaluate", f"checkpoint={lively.checkpoint}", "data.size=480", "data.images.test=1")
    words = (*words, "trainer.enable_progress_bar=false")
    plain, tiled = command(*words), command(*words, "tile=64")
    assert tiled.code == 0, tiled.text
    assert {k: round(v, 4) for k, v in tiled.value.items()} == {k: round(v, 4) for k, v in plain.value.items()}
    assert "tile=33 is not a whole number, a multiple of 32, 32 or more" in command(*words, "tile=33").text
