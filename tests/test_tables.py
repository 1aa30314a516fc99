"""The recipes of the paper's other tables: two steps of each, from the published input, written out by hand.

As in ``test_recipe.py``, on images and masks that are made up, in each data set's own layout.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import scipy.io
import torch
from conftest import Command
from data import test_context, test_nyud, test_siftflow
from test_recipe import FC, NAMES, WIDTH, State, caffe_weights, descend, layers, make, moved_as, prototxt, summed

from fcnlab.cli.compose import compose
from fcnlab.data.siftflow import INSIDE

VGG = np.array([104.00699, 116.66877, 122.67892])  # the mean (B, G, R) that the authors' VGG16 was trained with
FEW = (
    *("trainer.max_steps=2", "checkpoint.every_n_steps=2", "trainer.precision=64-true", "logger=none"),
    *("model.backbone.dropout=0", f"model.backbone.width={WIDTH}", f"model.backbone.fc_channels={FC}", "start=null"),
    "data.val_fraction=0.99",  # so that it is not empty; nothing is held out
)
Losses = list[Callable[[State], torch.Tensor]]


# solver.prototxt and solve.py of nyud-fcn*, siftflow-fcn* and pascalcontext-fcn*: base_lr by stage, iterations. The
# rate of siftflow-fcn8s is that of its 16s; nyud's FCN-16s was not released.
RATES = {
    ("siftflow", 100_000): {"fcn32s": 1e-10, "fcn16s": 1e-12, "fcn8s": 1e-12},
    ("context", 400_000): {"fcn32s": 1e-10, "fcn16s": 1e-12, "fcn8s": 1e-14},
    ("nyud", 100_000): {"fcn32s": 1e-10, "fcn32s_late data.input=color-hha": 1e-12},
}


@pytest.mark.parametrize(("experiment", "iterations"), RATES)
def test_the_rates_are_the_solvers(experiment: str, iterations: int) -> None:
    for variant, rate in RATES[experiment, iterations].items():
        config = compose("train", [f"experiment={experiment}", *f"model={variant}".split()])
        assert (config.optim.lr, config.optim.optimizer.momentum, config.optim.weight_decay) == (rate, 0.99, 5e-4)
        assert (config.optim.bias_lr_factor, config.loss.reduction, config.data.batch_size) == (2, "sum", 1)
        assert (config.trainer.max_steps, config.score) == (iterations, "last")


def folded(start: State, mean: Any, *, bgr: bool, channels: int = 3) -> State:
    """VGG16's weights where the net sees another mean, order and number of channels: what conv1_1 begins with."""
    kernel, wanted = start["conv1_1.weight"].double(), torch.tensor(VGG.tolist()).double()
    if not bgr:
        kernel, wanted = kernel.flip(1), wanted.flip(0)
    shift = torch.tensor(mean).double()[:3] - wanted
    bias = start["conv1_1.bias"].double() + (kernel.sum((2, 3)) * shift).sum(1)
    more = kernel.mean(1, keepdim=True).expand(-1, channels - 3, -1, -1)
    return start | {"conv1_1.weight": torch.cat([kernel, more], 1).float(), "conv1_1.bias": bias.float()}


def drawn(names: list[str]) -> list[str]:
    """The first two of seed 0 and epoch 0, with replacement."""
    return [names[i] for i in np.random.default_rng([0, 0]).integers(len(names), size=len(names))[:2]]


def planes(values: Any) -> torch.Tensor:
    """(H, W, c) -> (1, c, H, W) in double precision."""
    return torch.from_numpy(np.ascontiguousarray(np.asarray(values, np.float64).transpose(2, 0, 1)))[None]


def pixels(path: Path) -> np.ndarray:
    return np.array(PIL.Image.open(path)).astype(np.float64)


def labelled(path: Path, key: str) -> torch.Tensor:
    """MATLAB's labels counted from 0; what was 0 or less is void."""
    stored = scipy.io.loadmat(path)[key].astype(np.int64)
    return torch.from_numpy(np.where(stored < 1, 255, stored - 1))


def trained(command: Command, tmp_path: Path, experiment: str, *words: str) -> State:
    """The net of the last checkpoint after two steps of an experiment."""
    outcome = command("train", f"experiment={experiment}", *FEW, *words)
    assert outcome.code == 0, outcome.text
    (run,) = (tmp_path / "runs").glob(f"{experiment}-*")
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 2
    return saved["state_dict"]


MEANS: Mapping[str, list[float]] = {
    "color": [92.318, 97.203, 116.190],
    "hha": [132.431, 94.076, 118.477],
    "depth": [138.70],
}


def seen(root: Path, name: str, kind: str) -> np.ndarray:
    """What the net sees of one modality, (H, W, c): for depth, as the authors have it, log(mm) - 7.844."""
    if kind != "depth":
        return pixels(root / "data" / {"color": "images"}.get(kind, kind) / f"{name}.png") - MEANS[kind]
    millimetres = np.clip(pixels(root / "data/depth" / f"{name}.png"), 500, 10000)
    stored = np.rint(255 * np.log(millimetres / 500) / np.log(20))  # 8 bits: steps of 1.2 %
    ours = (stored - 138.70) / 85.12
    assert np.abs(ours - (np.log(millimetres) - 7.844)).max() < 0.01
    return ours[..., None]


@pytest.mark.parametrize(
    "kind", ["color-hha", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("color", "hha", "color-depth"))]
)
def test_table_4_each_input_of_nyud(kind: str, command: Command, tmp_path: Path) -> None:
    root, parts = test_nyud.make(tmp_path / "data"), kind.split("-")
    late = kind == "color-hha"
    streams = parts if late else [kind]
    files = {stream: caffe_weights("fcn32s", 40) for stream in streams}
    for stream, state in files.items():
        torch.save(state, tmp_path / f"{stream}.pth")
    both = f"{{color: {tmp_path}/color.pth, hha: {tmp_path}/hha.pth}}"
    weights = f"weights={both if late else f'{tmp_path}/{kind}.pth'}"
    state = trained(
        command,
        tmp_path,
        "nyud",
        *(f"data.root={root}", "data.complete=false", f"data.input={kind}", weights),
        f"model={'fcn32s_late' if late else 'fcn32s'}",
    )
    bgr = kind == "color"
    start: State = {}
    for stream in streams:
        mean = [value for part in ([stream] if late else parts) for value in MEANS[part]]
        one = folded(files[stream], mean[:3][::-1] if bgr else mean, bgr=bgr, channels=len(mean))
        start |= {f"{stream}/{name}": tensor for name, tensor in one.items()}

    def loss(name: str) -> Callable[[State], torch.Tensor]:
        mask = labelled(root / "segmentation" / f"{name}.mat", "segmentation")
        inputs = [
            planes(np.concatenate([seen(root, name, part) for part in ([stream] if late else parts)], -1))
            for stream in streams
        ]
        inputs = [x.flip(1) for x in inputs] if bgr else inputs

        def of(w: State) -> torch.Tensor:
            logits = [
                prototxt("fcn32s", {k.partition("/")[2]: v for k, v in w.items() if k.startswith(f"{stream}/")}, x)
                for stream, x in zip(streams, inputs, strict=True)
            ]
            return summed(sum(logits)[0] / len(logits), mask)  # coeff: 0.5, 0.5

        return of

    names = drawn([f"img_{5000 + number}" for number in test_nyud.NUMBERS])
    expected = descend(start, [loss(name) for name in names], lr=1e-12 if late else 1e-10)
    for stream in streams:
        own = [{k.partition("/")[2]: v for k, v in s.items() if k.startswith(f"{stream}/")} for s in (expected, start)]
        moved_as(*own, state, net=f"net.nets.{stream}." if late else "net.", alive=0.8)


def test_table_5_two_heads_on_sift_flow(command: Command, tmp_path: Path) -> None:
    root, head = test_siftflow.make(tmp_path / "data"), "heads.geometric."
    start = caffe_weights("fcn16s", 33)
    for name, inputs, outputs, _ in layers("fcn16s", 3):
        if name.startswith("score"):
            start[f"{head}{name}.weight"] = torch.randn(outputs, inputs, 1, 1) * (2 / inputs) ** 0.5
            start[f"{head}{name}.bias"] = torch.rand(outputs) * 0.02 + 0.01
    torch.save(start, tmp_path / "start.pth")
    words = (f"data.root={root}", "data.complete=false", f"weights={tmp_path}/start.pth")
    state = trained(command, tmp_path, "siftflow", *words)
    mean = [114.578, 115.294, 108.353]
    start = folded(start, mean, bgr=True)

    def loss(name: str) -> Callable[[State], torch.Tensor]:
        x = planes(pixels(root / "Images" / INSIDE / f"{name}.jpg")[..., ::-1] - mean)
        semantic = labelled(root / "SemanticLabels" / INSIDE / f"{name}.mat", "S")
        geometric = labelled(root / "GeoLabels" / INSIDE / f"{name}.mat", "S")
        return lambda w: (
            summed(prototxt("fcn16s", w, x)[0], semantic) + summed(prototxt("fcn16s", w, x, head)[0], geometric)
        )

    names = drawn([f"coast_art{i}" for i in range(9)])
    expected = descend(start, [loss(name) for name in names], lr=1e-12)
    moved_as(expected, start, state, alive=0.8)


@pytest.mark.slow
def test_appendix_b_pascal_context(command: Command, tmp_path: Path) -> None:
    root, start = test_context.make(tmp_path / "data"), caffe_weights("fcn32s", 60)
    torch.save(start, tmp_path / "start.pth")
    words = (f"data.root={root}", "data.complete=false", f"weights={tmp_path}/start.pth", "data.masks=png")
    state = trained(command, tmp_path, "context", *words)
    mean = [104.007, 116.669, 122.679]
    start = folded(start, mean, bgr=True)

    def loss(name: str) -> Callable[[State], torch.Tensor]:
        x = planes(pixels(root / "VOCdevkit/VOC2010/JPEGImages" / f"{name}.jpg")[..., ::-1] - mean)
        mask = torch.from_numpy(pixels(root / "SegmentationClassContext" / f"{name}.png")).long()
        return lambda w: summed(prototxt("fcn32s", w, x)[0], mask)

    names = drawn([f"2008_{i:06}" for i in range(9)])
    moved_as(descend(start, [loss(name) for name in names], lr=1e-10), start, state, alive=0.8)


@pytest.mark.slow
@pytest.mark.parametrize("row", ["fg_only", "bg_only", "shape"])
def test_the_masking_study(row: str, command: Command, tmp_path: Path) -> None:
    home, start = make(tmp_path / "data"), caffe_weights("fcn32s")
    torch.save(start, tmp_path / "start.pth")
    words = (f"data.root={tmp_path}/data", "data.train_list=voc_train", "data.test_list=voc_val")
    state = trained(command, tmp_path, "voc_masking", *words, f"model.name={row}", f"weights={tmp_path}/start.pth")

    def loss(name: str) -> Callable[[State], torch.Tensor]:
        image = pixels(home / "JPEGImages" / f"{name}.jpg")[..., ::-1] - VGG
        mask = pixels(home / "SegmentationClass" / f"{name}.png")
        ground = (mask == 0)[..., None]
        shown = {"fg_only": image * ~ground, "bg_only": image * ground, "shape": np.where(ground, 0, 255 - VGG)}[row]
        return lambda w: summed(prototxt("fcn32s", w, planes(shown))[0], torch.from_numpy(mask).long())

    expected = descend(start, [loss(name) for name in drawn(list(NAMES))], lr=1e-10)
    moved_as(expected, start, state, alive=0.8)


@pytest.mark.slow
def test_table_1_batches_of_images_of_their_own_sizes(command: Command, tmp_path: Path) -> None:
    home, start = make(tmp_path / "data"), caffe_weights("fcn32s")
    torch.save(start, tmp_path / "start.pth")
    words = ("data.year=2012", "epochs=2", "trainer.max_steps=-1", "trainer.accumulate_grad_batches=3")
    weights = (f"weights={tmp_path}/start.pth", "weights_input=torchvision", f"data.root={tmp_path}/data")
    state = trained(command, tmp_path, "voc_backbones", *words, *weights)
    samples = []
    for name in NAMES:  # an epoch of three images is one step
        rgb = pixels(home / "JPEGImages" / f"{name}.jpg") / 255
        mask = torch.from_numpy(pixels(home / "SegmentationClass" / f"{name}.png")).long()
        samples.append((planes((rgb - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]), mask))

    def loss(w: State) -> torch.Tensor:
        means = [summed(prototxt("fcn32s", w, x)[0], mask) / (mask != 255).sum() for x, mask in samples]
        return sum(means[1:], means[0]) / 3

    expected = descend(start, [loss, loss], lr=1e-4, momentum=0.9)
    moved_as(expected, start, state, alive=0.8)
