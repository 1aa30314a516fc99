"""The examples of README files run.

An example is a fenced block that begins with the name of its file, ``# myconf/loss/mine.yaml``. Blocks of one name are
one file.
YAML under ``myconf/`` is a choice of a config group; Python under ``mylab/`` is what it names.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import PROJECT, TINY, Command
from test_readmes import READMES

EXAMPLE = re.compile(r"^```(?:yaml|python)\n# (\w+/[\w/]+\.\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, str]:
    """The files that README files show, by their names."""
    files: dict[str, str] = defaultdict(str)
    for readme in READMES:
        for name, text in EXAMPLE.findall(readme.read_text()):
            files[name] += f"{text}\n"
    return dict(files)


CHOICES = sorted(name for name in examples() if name.endswith(".yaml"))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person who wrote down every example."""
    for name, text in examples().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def choose(name: str) -> str:
    """``myconf/model/backbone/mine.yaml`` as an override: ``model/backbone=mine``."""
    path = Path(name).relative_to("myconf")
    return f"{path.parent.as_posix()}={path.stem}"


def train(command: Command, lab: Path, *words: str) -> tuple[dict[str, float], str]:
    """Train a tiny net with the person's choices; its scores and what was printed."""
    groups = {word.partition("=")[0] for word in words}
    tiny = [word for word in TINY if word.partition("=")[0] not in groups]
    if "model/backbone" in groups:
        tiny = [word for word in tiny if not word.startswith("model.backbone")]
    outcome = command("train", "--config-dir", str(lab / "myconf"), *tiny, *words)
    assert outcome.code == 0, outcome.text
    return outcome.value, outcome.text  # type: ignore[return-value]


def history(lab: Path) -> str:
    (file,) = lab.glob("runs/*-fcn8s-*/history.csv")
    return file.read_text()


def test_the_command_with_all_choices_of_ones_own_runs(command: Command, lab: Path) -> None:
    shown = "loss=mine metrics=mine optim=mine scheduler=mine callbacks=mine logger=[csv,tensorboard]"
    assert f"python -m fcnlab.train --config-dir myconf {shown}\n" in (PROJECT / "conf" / "README.md").read_text()
    scores, _ = train(command, lab, *shown.split())
    assert {"test/loss/softened", "test/loss/dice", "test/f1"} <= scores.keys()
    assert list(lab.glob("runs/csv/**/metrics.csv"))
    assert list(lab.glob("runs/tensorboard/**/events.*"))
    config = next(lab.glob("runs/*-fcn8s-*/config.yaml")).read_text()
    for target in ("NAdam", "CosineAnnealingWarmRestarts", "EMAWeightAveraging", "ModelSummary"):
        assert target in config


@pytest.mark.parametrize("name", ["pool4", "plain"])
def test_a_task_of_ones_own_trains(name: str, command: Command, lab: Path) -> None:
    scores, text = train(command, lab, f"task={name}")
    assert "test/mean_iou" in scores
    assert ("Predictions: " in text) == (name == "pool4")
    assert ("train/pool4_loss" in history(lab).splitlines()[0]) == (name == "pool4")


def test_a_backbone_of_ones_own_trains_at_every_stride(command: Command, lab: Path) -> None:
    assert "test/mean_iou" in train(command, lab, "model/backbone=tiny", "model=fcn8s")[0]


STANDS_IN = """
import torch

class ESPNet(torch.nn.Module):
    def __init__(self, classes, p, q):
        super().__init__()
        self.conv, self.bn = torch.nn.Conv2d(3, classes, 1), torch.nn.BatchNorm2d(classes)
        self.modules = [self.conv, self.bn]  # as the real one does: it hides torch's own modules()

    def forward(self, image):
        return self.bn(self.conv(image))[:, :, ::2, ::2]
"""


def test_a_net_of_somebody_else_is_scored_as_its_authors_fed_it(command: Command, lab: Path) -> None:
    (lab / "Model.py").write_text(STANDS_IN)
    random = np.random.default_rng(0)
    shapes = {"conv.weight": (12, 3, 1, 1), "conv.bias": (12,), **{f"bn.{key}": (12,) for key in ("weight", "bias")}}
    state = {name: random.normal(size=shape) for name, shape in shapes.items()}
    state |= {"bn.running_mean": random.normal(size=12), "bn.running_var": random.random(12) + 0.5}
    torch.save({name: torch.from_numpy(a).float() for name, a in state.items()}, lab / "theirs.pth")  # no counters
    draw(lab / "files", "{split}/img/{name}.png", "{split}/gt/{name}.png", 11)
    layout = ("data.images='{split}/img/{name}.png'", "data.masks='{split}/gt/{name}.png'")
    data = [f"data.root={lab / 'files'}", *layout, "data.splits={val: validation}"]
    given = ["checkpoint=theirs.pth", "model=espnet", "data=folder", *data, "data.classes=[a,b,c,d,e,f,g,h,i,j,k]"]
    common = ["--config-dir", str(lab / "myconf"), *given, "trainer.enable_progress_bar=false"]
    outcome = command("evaluate", *common)
    assert outcome.code == 0, outcome.text
    assert "made for its own input; copied 6" in outcome.text  # the data are fed so: nothing is folded

    right = known = 0
    for number in range(4):
        bgr = np.asarray(PIL.Image.open(lab / f"files/test/img/test_{number}.png"), float)[:, :, ::-1]
        fed = (bgr - [110.331, 108.409, 105.033]) / np.array([18392.1, 18536.1, 17825.6])
        scores = fed @ state["conv.weight"][:, :, 0, 0].T + state["conv.bias"] - state["bn.running_mean"]
        scores = scores / np.sqrt(state["bn.running_var"] + 1e-5) * state["bn.weight"] + state["bn.bias"]
        half = torch.from_numpy(scores[::2, ::2, :11]).permute(2, 0, 1)[None]  # void, the twelfth, left out
        full = torch.nn.functional.interpolate(half, scale_factor=2, mode="bilinear")[0].argmax(0).numpy()
        truth = np.asarray(PIL.Image.open(lab / f"files/test/gt/test_{number}.png"))
        right, known = right + (full == truth).sum(), known + truth.size
    assert abs(outcome.value["test/pixel_accuracy"] - right / known) <= 2 / known  # type: ignore[index]

    outcome = command("evaluate", *common, "model.outputs=[0,1,2,3,4,5,6,7,8,9,12]")
    assert "names channel 12, but model=espnet gives 12, counted from 0" in outcome.text
    assert "is a guess: nothing in the file tells" in command("evaluate", *common, "model.input=null").text


def draw(root: Path, image: str, mask: str, labels: int) -> None:
    """Four images of each split, and masks that say how bright each pixel is."""
    random = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        for name in (f"{split}_{number}" for number in range(4)):
            truth = random.integers(0, labels, (40, 56)).astype(np.uint8)
            for array, path in ((truth[..., None].repeat(3, axis=2) * 60, image), (truth, mask)):
                file = root / path.format(split=split, name=name)
                file.parent.mkdir(parents=True, exist_ok=True)
                PIL.Image.fromarray(array).save(file)


@pytest.mark.parametrize(
    ("choice", "image", "mask", "labels", "void"),
    [
        ("cells", "{split}/{name}_image.png", "{split}/{name}_mask.png", 2, "0.0 %"),
        ("mine", "{split}/img/{name}.png", "{split}/gt/{name}_mask.png", 4, "25."),  # label 0 is void
    ],
)
def test_a_data_set_of_ones_own_is_read(
    choice: str, image: str, mask: str, labels: int, void: str, command: Command, lab: Path
) -> None:
    draw(lab / "files", image, mask, labels)
    outcome = command("survey", "--config-dir", str(lab / "myconf"), f"data={choice}", f"data.root={lab / 'files'}")
    assert outcome.code == 0, outcome.text
    (row,) = re.findall(r"^ *train +4 +0 +56x40 +(.*)$", outcome.text, re.MULTILINE)
    assert row.startswith(void)


def test_no_example_is_left_out() -> None:
    tried = {"loss/mine", "metrics/mine", "optim/mine", "scheduler/mine", "callbacks/mine"}
    tried |= {"task/pool4", "task/plain", "model/backbone/tiny", "model/espnet", "data/cells", "data/mine"}
    assert {choose(name).replace("=", "/") for name in CHOICES} == tried
