"""Every experiment composes, builds and takes steps, for each of its variants, on a folder of its data set's layout."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import Command, Outcome
from data import test_camvid, test_context, test_nyud, test_siftflow, test_voc

from fcnlab.cli.compose import CONF, build, compose, plain


def voc_of_two_classes(root: Path) -> Path:
    """A folder of VOC's whose masks can be learnt: those of ``test_voc`` hold one class each."""
    test_voc.make(root)
    for path in root.glob("VOCdevkit/*/SegmentationClass/*.png"):
        with PIL.Image.open(path) as file:
            labels, palette = np.array(file), file.getpalette()
        labels[1] = 0
        drawn = PIL.Image.fromarray(labels)
        drawn.putpalette(palette or [])
        drawn.save(path)
    return root


EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
FOLDERS: dict[str, Callable[[Path], Path]] = {
    "camvid": test_camvid.make,
    "voc": voc_of_two_classes,
    "nyud": test_nyud.make,
    "siftflow": test_siftflow.make,
    "context": test_context.make,
}
SMALL = (
    *("trainer=smoke", "logger=none", "trainer.enable_progress_bar=false", "trainer.precision=32-true"),
    *("model/backbone=vgg16", "model.backbone.width=0.05", "model.backbone.fc_channels=8", "weights=null"),
    *("data.batch_size=1", "checkpoint.every_n_steps=1"),
)
LESS = {
    "shapes": ("data.images.train=2", "data.images.val=1", "data.images.test=1", "data.size=64"),
    "camvid": ("data.image_size=[36,48]",),
    "voc": ("data.val_fraction=0.5", "data.test_list=voc_val", "data.train_list=voc_train"),
    **dict.fromkeys(("nyud", "siftflow", "context"), ("data.val_fraction=0.3", "data.complete=false")),
}
BY_NAME = ("voc_masking",)  # whose rows are one net trained on several inputs


def rows(experiment: str) -> dict[str, dict[str, object]]:
    """What an experiment says of each net that it names; one that names none is FCN-32s over several backbones."""
    config = compose("train", [f"experiment={experiment}"])
    known = dict(plain(config.by_variant)) if "by_variant" in config else {"fcn32s": {}}
    return {variant: row for variant, row in known.items() if variant != "default" and row is not None}


@pytest.fixture
def climb(command: Command, tmp_path: Path) -> Callable[..., Outcome]:
    """Train variants of an experiment in one sweep, two steps each."""
    made: dict[str, Path] = {}

    def run(experiment: str, variants: list[str], *words: str) -> Outcome:
        data = str(compose("train", [f"experiment={experiment}"]).data.name).partition("_")[0]
        if data in FOLDERS and data not in made:
            made[data] = FOLDERS[data](tmp_path / data)
        where = [f"data.root={made[data]}"] if data in made else []
        models = f"{'model.name' if experiment in BY_NAME else 'model'}={','.join(variants)}"
        return command("train", "-m", f"experiment={experiment}", models, *SMALL, *LESS[data], *where, *words)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_variant_of_every_experiment_takes_its_first_steps(
    experiment: str, climb: Callable[..., Outcome], tmp_path: Path
) -> None:
    variants = list(rows(experiment))  # coarse before fine: each finds the run that it starts from
    more = ("data.year=2012", "trainer.accumulate_grad_batches=1") if experiment == "voc_backbones" else ()
    outcome = climb(experiment, variants, *more)
    assert outcome.code == 0, outcome.text
    for variant in variants:
        name = variant
        if experiment not in BY_NAME:
            name = compose("train", [f"experiment={experiment}", f"model={variant}"]).model.name
        (run,) = (tmp_path / "runs").glob(f"{experiment}-{name}-*")
        saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
        assert saved["global_step"] == 2
        start = rows(experiment)[variant].get("start")
        assert (f"{experiment}-{start}-" in str(saved["fcnlab"]["config"]["start"])) == bool(start)


@pytest.mark.slow
def test_of_32s_fixed_only_the_last_layer_learns(climb: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = climb(
        "voc_32s_fixed", ["fcn32s"], "optim.lr=1", "model.backbone.batch_norm=false", "trainer.max_epochs=2"
    )
    assert outcome.code == 0, outcome.text
    (run,) = (tmp_path / "runs").glob("voc_32s_fixed-*")
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    moving = saved["optimizer_states"][0]["state"]
    assert len(moving) == 2  # score_fr's weight and bias have a momentum, nothing else
    assert saved["state_dict"]["net.score_fr.weight"].any()


@pytest.mark.slow
def test_learned_upsampling_takes_the_coarse_net_of_voc_paper_and_the_next_one_its_kernels(
    climb: Callable[..., Outcome], tmp_path: Path
) -> None:
    """As the header of the experiment says."""
    assert climb("voc_paper", ["fcn32s"]).code == 0
    for experiment, variant, before in (
        ("voc_learned_upsampling", "fcn16s", "voc_paper-fcn32s"),
        ("voc_learned_upsampling", "fcn8s", "voc_learned_upsampling-fcn16s"),
    ):
        (run,) = (tmp_path / "runs").glob(f"{before}-*")
        words = ("start=null", f"weights={run}/checkpoints/last.ckpt")
        outcome = climb(experiment, [variant], *words)
        assert outcome.code == 0, outcome.text
        assert "dropped 0" in outcome.text


@pytest.mark.slow
def test_learned_upsampling_learns_between_fusions_and_not_at_the_end(
    climb: Callable[..., Outcome], tmp_path: Path
) -> None:
    outcome = climb("voc_learned_upsampling", ["fcn8s"], "start=null", "optim.lr=1e-4")
    assert outcome.code == 0, outcome.text
    (run,) = (tmp_path / "runs").glob("voc_learned_upsampling-*")
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {key for key in state if "upscore" in key} == {"net.upscore2.weight", "net.upscore_pool4.weight"}
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    kernel = torch.outer(ramp, ramp)
    # Two steps: score_fr leaves zero in the first, and what upsamples it moves in the second.
    assert not torch.equal(state["net.upscore2.weight"][0, 0], kernel)


def settings(*words: str) -> tuple[object, ...]:
    config = plain(compose("train", list(words)))
    return config["weights"], config["optim"]["lr_factors"], config["epochs"]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["camvid", "camvid_half", "voc"])
def test_what_was_measured_over_vgg16_holds_over_vgg16_only(experiment: str) -> None:
    rate = 0.1 if experiment == "voc" else 0.2
    over_vgg = settings(f"experiment={experiment}")
    assert over_vgg[:2] == ("IMAGENET1K_FEATURES", {"backbone.conv": rate})
    for backbone in ("resnet50", "alexnet", "vgg16_narrow", "timm"):
        words = (f"experiment={experiment}", f"model/backbone={backbone}")
        assert settings(*words) == (None, None, over_vgg[2])
        assert settings(*words, "weights=IMAGENET1K_V2")[:2] == ("IMAGENET1K_V2", None)
    net = build(compose("train", [f"experiment={experiment}", "model/backbone=resnet18"]).model, num_classes=2)
    assert net.skip_scale == {}
    net = build(compose("train", [f"experiment={experiment}", "model.backbone.width=0.02"]).model, num_classes=2)
    assert net.skip_scale == {"pool4": 0.0083, "pool3": 0.0017}


@pytest.mark.parametrize("experiment", ["shapes", "camvid", "camvid_half", "voc"])
def test_a_net_that_an_experiment_does_not_name_gets_its_default_row(experiment: str) -> None:
    weights, factors, epochs = settings(f"experiment={experiment}", "model=unet")
    assert (weights, factors) == (None, None)
    assert epochs == compose("train", [f"experiment={experiment}"]).by_variant.default.epochs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["experiment=voc_paper", "model/backbone=resnet50"], "lists nothing for model/backbone=resnet50"),
        (["experiment=voc_paper", "model=unet"], "lists nothing for model=unet"),
        (["experiment=voc_backbones", "model/backbone=timm"], "lists nothing for model/backbone=resnet18"),
        (["experiment=voc_backbones", "model=unet"], "lists nothing for a net without a backbone of ours"),
    ],
)
def test_a_recipe_made_for_other_nets_is_refused_before_anything_runs(
    words: list[str], message: str, command: Command, tmp_path: Path
) -> None:
    outcome = command("train", *words, "logger=none", "data.root=nowhere")
    assert outcome.code == 1
    assert message in outcome.text
    assert "Traceback" not in outcome.text
    assert not list(tmp_path.iterdir())


def test_the_backbones_of_table_1_have_its_parameters() -> None:
    for backbone, millions, lr in (("alexnet", 57, 1e-3), ("vgg16", 134, 1e-4), ("googlenet", 6, 5e-5)):
        config = compose("train", ["experiment=voc_backbones", f"model/backbone={backbone}"])
        with torch.device("meta"):
            net = build(config.model, num_classes=21)
        assert round(sum(p.numel() for p in net.parameters()) / 1e6) == millions
        assert (net.name, config.optim.lr, config.weights) == (f"fcn_{backbone}", lr, "IMAGENET1K_V1")
