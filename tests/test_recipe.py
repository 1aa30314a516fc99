"""The authors' recipe: what the solver says, and two of its steps written out by hand."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command
from torch.nn import functional

from fcnlab.cli.compose import compose, plain
from fcnlab.data.palette import voc_palette

# solver.prototxt of voc-fcn32s, 16s, 8s and 8s-atonce: base_lr; solve.py: iterations.
SOLVERS = {"fcn32s": (1e-10, 1e5), "fcn16s": (1e-12, 1e5), "fcn8s": (1e-14, 1e5), "fcn8s_atonce": (1e-10, 3e5)}
SKIPS = {"fcn32s": (), "fcn16s": (4,), "fcn8s": (4, 3), "fcn8s_atonce": (4, 3)}  # stages whose pools are scored
NAMES = ("2007_000001", "2007_000002", "2007_000003")
CLASSES, FC, WIDTH = 21, 12, 0.05
State = dict[str, torch.Tensor]


@pytest.mark.parametrize("variant", SOLVERS)
def test_the_recipe_is_the_solvers(variant: str) -> None:
    config = plain(compose("train", ["experiment=voc_paper", f"model={variant}"]))
    optim, data, trainer = config["optim"], config["data"], config["trainer"]
    assert (optim["lr"], trainer["max_steps"]) == SOLVERS[variant]
    assert (optim["optimizer"]["momentum"], optim["weight_decay"], optim["bias_lr_factor"]) == (0.99, 5e-4, 2)
    assert (config["scheduler"]["scheduler"], config["loss"]["reduction"], config["model"]["backbone"]["padding"]) == (
        None,
        "sum",
        100,
    )
    assert (data["batch_size"], data["replacement"], data["augment"], data["image_size"]) == (1, True, [], None)
    assert (data["train_list"], data["test_list"], config["score"]) == ("sbd_train", "seg11valid", "last")
    assert (trainer["max_epochs"], trainer["val_check_interval"], trainer["accumulate_grad_batches"]) == (-1, 4000, 1)
    assert (config["model"]["skip_scale"] or {}) == (
        {"vgg16": {"pool4": 0.01, "pool3": 1e-4}} if "once" in variant else {}
    )


def make(root: Path) -> Path:
    """VOC's folders with three noisy images of two sizes, all of them to learn from; void in every mask."""
    random = np.random.default_rng(0)
    home = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (home / folder).mkdir(parents=True)
    for i, name in enumerate((*NAMES, "2007_000004")):
        size = (40 + 9 * (i % 2), 50)
        PIL.Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(home / "JPEGImages" / f"{name}.jpg")
        mask = PIL.Image.fromarray(
            np.where(random.random(size) < 0.1, 255, random.integers(0, 21, size)).astype(np.uint8)
        )
        mask.putpalette(np.array(voc_palette(256), np.uint8).flatten().tolist())
        mask.save(home / "SegmentationClass" / f"{name}.png")
    (home / "ImageSets/Segmentation/train.txt").write_text("\n".join(NAMES))
    (home / "ImageSets/Segmentation/val.txt").write_text("2007_000004")
    return home


def layers(variant: str, classes: int = CLASSES, channels: int = 3) -> Iterator[tuple[str, int, int, int]]:
    """Every learned layer: Caffe's name, channels in and out, size of its kernel."""
    for stage, (out, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for i in range(1, depth + 1):
            yield f"conv{stage}_{i}", channels, (channels := max(1, round(out * WIDTH))), 3
        if stage in SKIPS[variant]:
            yield f"score_pool{stage}", channels, classes, 1
    yield from (("fc6", channels, FC, 7), ("fc7", FC, FC, 1), ("score_fr", FC, classes, 1))


def caffe_weights(variant: str, classes: int = CLASSES, channels: int = 3) -> State:
    """Weights of every layer, none zero; fc6 and fc7 are positive, so that each of their few units is alive."""
    state: State = {}
    for name, inputs, outputs, size in layers(variant, classes, channels):
        fan_in = inputs * size * size
        weight = torch.randn(outputs, inputs, size, size) * (2 / fan_in) ** 0.5
        state[f"{name}.weight"] = weight.abs() * fan_in**-0.5 if name in ("fc6", "fc7") else weight
        state[f"{name}.bias"] = torch.rand(outputs) * 0.02 + 0.01
    return state


def up(score: torch.Tensor, factor: int) -> torch.Tensor:
    """The authors' deconvolution: kernel 2 * factor, stride factor, bilinear, channel by channel."""
    ramp = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs().double() / factor
    classes = score.shape[1]
    kernel = torch.outer(ramp, ramp).expand(classes, 1, -1, -1)
    return functional.conv_transpose2d(score, kernel, stride=factor, groups=classes)


def prototxt(variant: str, w: State, image: torch.Tensor, head: str = "") -> torch.Tensor:
    """Logits as train.prototxt writes them: every padding and crop a number.

    Args:
        head: what the names of score layers begin with.
    """

    def conv(x: torch.Tensor, name: str, padding: int = 0) -> torch.Tensor:
        name = f"{head}{name}" if name.startswith("score") else name
        return functional.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=padding)

    def crop(x: torch.Tensor, offset: int, like: torch.Tensor) -> torch.Tensor:
        return x[..., offset : offset + like.shape[-2], offset : offset + like.shape[-1]]

    x, pools = image, {}
    for stage, depth in enumerate((2, 2, 3, 3, 3), start=1):
        for i in range(1, depth + 1):
            x = conv(x, f"conv{stage}_{i}", padding=100 if (stage, i) == (1, 1) else 1).relu()
        x = pools[stage] = functional.max_pool2d(x, 2, 2, ceil_mode=True)
    score = conv(conv(conv(x, "fc6").relu(), "fc7").relu(), "score_fr")
    if variant == "fcn8s_atonce":
        pools = pools | {4: 0.01 * pools[4], 3: 0.0001 * pools[3]}  # scale_pool4, scale_pool3
    if variant == "fcn32s":
        return crop(up(score, 32), 19, image)
    score = up(score, 2) + crop(conv(pools[4], "score_pool4"), 5, up(score, 2))
    if variant == "fcn16s":
        return crop(up(score, 16), 27, image)
    score = up(score, 2) + crop(conv(pools[3], "score_pool3"), 9, up(score, 2))
    return crop(up(score, 8), 31, image)


def two_steps(variant: str, home: Path, start: State, weight_decay: float) -> State:
    """Caffe's SGD: V = momentum * V + rate * (gradient + decay * W), W = W - V; on one image after the other."""
    samples = []
    drawn = np.random.default_rng([0, 0]).integers(len(NAMES), size=len(NAMES))[:2]  # seed 0, epoch 0: with replacement
    for name in np.array(NAMES)[drawn]:
        rgb = np.array(PIL.Image.open(home / "JPEGImages" / f"{name}.jpg")).astype(np.float64)
        bgr = rgb[..., ::-1] - [104.00699, 116.66877, 122.67892]
        mask = torch.from_numpy(np.array(PIL.Image.open(home / "SegmentationClass" / f"{name}.png"))).long()
        samples.append((torch.from_numpy(bgr.transpose(2, 0, 1).copy())[None], mask))
    return descend(
        start,
        [lambda w, x=x, mask=mask: summed(prototxt(variant, w, x)[0], mask) for x, mask in samples],
        lr=SOLVERS[variant][0],
        weight_decay=weight_decay,
    )


def summed(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """SoftmaxWithLoss with normalize: false, of logits (C, H, W) and mask (H, W)."""
    true = logits.gather(0, mask.where(mask != 255, 0)[None])[0]
    return ((logits.logsumexp(0) - true) * (mask != 255)).sum()


def descend(
    start: State,
    losses: Sequence[Callable[[State], torch.Tensor]],
    *,
    lr: float,
    weight_decay: float = 5e-4,
    momentum: float = 0.99,
) -> State:
    """Weights after one step for every loss: biases twice as fast and without decay."""
    weights = {name: tensor.double() for name, tensor in start.items()}
    velocity = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for loss in losses:
        leaves = {key: tensor.clone().requires_grad_() for key, tensor in weights.items()}
        loss(leaves).backward()
        for key, leaf in leaves.items():
            rate, decay = lr * (2 if "bias" in key else 1), 0 if "bias" in key else weight_decay
            velocity[key] = momentum * velocity[key] + rate * (leaf.grad + decay * weights[key])
            weights[key] = weights[key] - velocity[key]
    return weights


# Beside a summed loss the recipe's decay is next to nothing: a tenfold million shows that it is there, and where.
@pytest.mark.parametrize(("variant", "decay"), [*((variant, 5e-4) for variant in SOLVERS), ("fcn32s", 5e3)])
def test_two_steps_move_every_weight_as_written_out_by_hand(
    variant: str, decay: float, command: Command, tmp_path: Path
) -> None:
    home, start = make(tmp_path / "data"), caffe_weights(variant)
    torch.save(start, tmp_path / "start.pth")
    outcome = command(
        *("train", "experiment=voc_paper", f"model={variant}", "start=null", f"weights={tmp_path}/start.pth"),
        *(
            f"data.root={tmp_path}/data",
            "data.train_list=voc_train",
            "data.test_list=voc_val",
            "data.val_fraction=0.99",
        ),
        *(
            "trainer.max_steps=2",
            "checkpoint.every_n_steps=2",
            "trainer.precision=64-true",
            "model.backbone.dropout=0",
        ),  # dropout is drawn, not written
        *(
            f"model.backbone.width={WIDTH}",
            f"model.backbone.fc_channels={FC}",
            "logger=none",
            f"optim.weight_decay={decay}",
        ),
    )
    assert outcome.code == 0, outcome.text
    assert "reshaped 0" in outcome.text  # the input is the one that the weights expect: nothing is folded
    (run,) = (tmp_path / "runs").glob("voc_paper-*")
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 2
    moved_as(two_steps(variant, home, start, decay), start, saved["state_dict"])


def moved_as(expected: State, start: State, state: State, net: str = "net.", alive: float = 0.9) -> None:
    """Compare what a training made of its initial weights with what is expected.

    Args:
        net: what the names of the net begin with.
        alive: the share of each tensor that must move: a unit may be dead for the few images that were seen.
    """
    for name, tensor in expected.items():
        key = f"{net}{name}" if "score" in name else f"{net}backbone.{name}"
        before, after = start[name].double(), state[key]
        assert after.dtype == torch.float64
        changed, wanted = after - before, tensor - before
        assert (wanted != 0).double().mean() > alive, name
        assert ((changed - wanted).norm() / wanted.norm()).item() < 1e-6, name
