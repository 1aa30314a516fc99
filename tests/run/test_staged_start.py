"""Each stage of the staged training starts from the scored checkpoint of the finished run below it."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, call, leave_at_epoch
from omegaconf import DictConfig

from fcnlab.callbacks.history import History
from fcnlab.cli.compose import build, compose
from fcnlab.run.name import run_name
from fcnlab.run.staged_start import STAGES, resolve, start_run
from fcnlab.task.segmentation import SegmentationTask
from fcnlab.train import make_task

pytestmark = pytest.mark.slow

STAGE = (*TINY, "data.images.train=8", "start=coarser")
STAGED = ("-m", *STAGE, f"model={','.join(STAGES)}")


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folders of a tiny staged on shapes, climbed through the command."""
    runs = tmp_path_factory.mktemp("staged")
    code, _, message = call("train", (*STAGED, f"runs_dir={runs}"))
    assert code == 0, message
    # After one short epoch scores are next to nothing, and the best checkpoint is the last: make them tell.
    for variant in STAGES[:2]:
        path = only(runs, variant) / "checkpoints" / "best.ckpt"
        saved = torch.load(path, weights_only=True)
        for key in [key for key in saved["state_dict"] if key.startswith("net.score")]:
            saved["state_dict"][key].normal_()
        torch.save(saved, path)
    return runs


def only(runs: Path, variant: str) -> Path:
    (folder,) = runs.glob(f"*-{variant}-*")
    return folder


def config(runs: Path, variant: str) -> DictConfig:
    return compose("train", [*STAGE, f"runs_dir={runs}", f"model={variant}"])


def first(cfg: DictConfig) -> SegmentationTask:
    """The net before its first step."""
    return make_task(resolve(cfg), build(cfg.data), start_run(cfg)).eval()


def bilinear(score: torch.Tensor, factor: int, start: int, size: int) -> torch.Tensor:
    """Transposed convolution with the bilinear kernel of the authors' surgery.py, then a crop."""
    ramp = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    kernel = torch.outer(ramp, ramp).expand(score.shape[1], 1, -1, -1)
    full = torch.nn.functional.conv_transpose2d(score, kernel, stride=factor, groups=score.shape[1])
    return full[..., start : start + size, start : start + size]


def test_the_first_prediction_is_the_old_one_upsampled_in_two_steps(staged: Path) -> None:
    image = torch.randn(1, 3, 64, 64)
    saved = {v: torch.load(only(staged, v) / "checkpoints" / "best.ckpt", weights_only=True) for v in STAGES[:2]}
    with torch.no_grad():
        # The coarse score is in both: score_fr on fc7, at stride 32; and score_pool4 on pool4, at stride 16.
        middle, fine = first(config(staged, "fcn16s")), first(config(staged, "fcn8s"))
        old = {v: {k.removeprefix("net."): t for k, t in saved[v]["state_dict"].items()} for v in saved}
        for task, variant in ((middle, "fcn32s"), (fine, "fcn16s")):
            state = task.net.state_dict()
            carried = [key for key in old[variant] if key.startswith(("backbone.", "score_"))]
            assert all(torch.equal(state[key], old[variant][key]) for key in carried)
            assert not any(state[key].any() for key in state if key not in carried)
            assert len(state) == len(carried) + 2
        score = torch.nn.functional.conv2d(
            middle.net.backbone(image)["fc7"], old["fcn32s"]["score_fr.weight"], old["fcn32s"]["score_fr.bias"]
        )
        expected = bilinear(bilinear(score, 2, start=1, size=4), 16, start=8, size=64)
        assert expected.abs().max() > 1
        torch.testing.assert_close(middle(image), expected, rtol=1e-4, atol=1e-4)
        features = fine.net.backbone(image)
        fr, pool4 = (
            torch.nn.functional.conv2d(
                features[f], old["fcn16s"][f"score_{s}.weight"], old["fcn16s"][f"score_{s}.bias"]
            )
            for f, s in (("fc7", "fr"), ("pool4", "pool4"))
        )
        fused = bilinear(fr, 2, start=1, size=4) + pool4
        expected = bilinear(bilinear(fused, 2, start=1, size=8), 8, start=4, size=64)
        torch.testing.assert_close(fine(image), expected, rtol=1e-4, atol=1e-4)


def test_an_unfinished_stage_is_not_started_from_and_given_again_it_goes_on(staged: Path, command: Command) -> None:
    record = only(staged, "fcn16s") / "record.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"status": "running"}))  # as kill -9 leaves it
    refused = command("train", *STAGE, f"runs_dir={staged}", "model=fcn8s", "rerun=all")
    assert refused.code == 1
    assert f"{record.parent}, but that run is running" in refused.text
    outcome = command("train", *STAGED, f"runs_dir={staged}")
    assert outcome.code == 0, outcome.text
    table = " ".join(outcome.text.partition("3 jobs")[2].split())
    assert "model=fcn32s skipped" in table
    assert "model=fcn16s resumed" in table
    assert json.loads(record.read_text())["status"] == "finished"


def test_a_missing_stage_is_named_with_the_command_that_makes_it(command: Command, tmp_path: Path) -> None:
    outcome = command("train", *STAGE, "model=fcn16s", "optim.lr_factors={backbone.conv: 0.5}")
    assert outcome.code == 1
    assert "but that run is missing" in outcome.text
    assert not (tmp_path / "runs").exists()
    makes_it = shlex.split(outcome.text.partition("python -m fcnlab.train ")[2])
    assert command("train", *makes_it).code == 0
    outcome = command("train", *STAGE, "model=fcn16s", "optim.lr_factors={backbone.conv: 0.5}")
    assert outcome.code == 0, outcome.text
    assert "new are score_pool4." in outcome.text


def test_a_finished_stage_whose_checkpoint_is_lost_is_named_with_the_command_that_trains_it_again(
    staged: Path, command: Command, tmp_path: Path
) -> None:
    runs = shutil.copytree(staged, tmp_path / "runs")
    lost = only(runs, "fcn32s") / "checkpoints" / "best.ckpt"
    lost.unlink()
    shutil.rmtree(only(runs, "fcn16s"))
    outcome = command("train", *STAGE, "model=fcn16s")
    assert outcome.code == 1
    assert "but its best.ckpt is missing" in outcome.text
    assert command("train", *shlex.split(outcome.text.partition("python -m fcnlab.train ")[2])).code == 0
    assert lost.is_file()
    assert command("train", *STAGE, "model=fcn16s").code == 0


@pytest.mark.parametrize("origin", ["start=fcn32s", "weights=first.ckpt"])
def test_a_half_trained_run_goes_on_without_what_it_started_from(
    origin: str, staged: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = shutil.copytree(staged, tmp_path / "half")
    source = only(runs, "fcn32s") / "checkpoints" / "best.ckpt"
    if origin.startswith("weights"):
        source = source.rename(tmp_path / "first.ckpt")
    words = [word for word in STAGE if not word.startswith(("start", "epochs"))]
    words += [origin, "by_variant.fcn16s.epochs=2", "by_variant.fcn32s.epochs=1", f"runs_dir={runs}", "model=fcn16s"]
    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", leave_at_epoch(2))
        command("train", *words)
    source.unlink()
    outcome = command("train", *words)
    assert outcome.code == 0, outcome.text
    assert "Going on from" in outcome.text


def test_everything_of_the_coarser_net_must_be_taken_over(command: Command) -> None:
    norms = ("+by_variant.fcn32s.norm=true", "+by_variant.fcn16s.norm=false", "model.backbone.batch_norm=${row.norm}")
    outcome = command("train", "-m", *STAGE, *norms, "model=fcn32s,fcn16s")
    assert outcome.code == 1
    text = " ".join(outcome.text.split())
    assert "has backbone.conv1_1_bn" in text
    assert "for which model=fcn16s has no layer" in text


def test_a_predecessor_in_a_config_folder_of_ones_own_is_found(command: Command, tmp_path: Path) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    text = "# @package _global_\nexperiment: own\nby_variant: {fcn32s: {start: null}, fcn16s: {start: fcn32s}}\n"
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(text + "start: ${by_variant.${model.name}.start}\n")
    outcome = command("train", "--config-dir=own", "experiment=mine", "model=fcn16s", "data.size=64")
    assert f"--config-dir={tmp_path}/own experiment=mine data.size=64 model=fcn32s" in outcome.text


def name(*words: str) -> str:
    return run_name(resolve(compose("train", ["experiment=shapes", *words])))


def test_another_predecessor_is_another_run() -> None:
    stage = ("model=fcn8s", "start=coarser")
    assert name(*stage) != name("model=fcn8s")
    assert name(*stage) != name("model=fcn8s", "start=fcn32s")
    for variant in ("fcn32s", "fcn16s"):
        assert name(*stage, f"by_variant.{variant}.epochs=1") != name(*stage)
    assert name(*stage, "by_variant.fcn8s_atonce.epochs=1", "runs_dir=elsewhere") == name(*stage)


def test_overrides_apply_to_every_stage_and_those_by_variant_to_one() -> None:
    def before(*words: str) -> object:
        return resolve(compose("train", ["experiment=shapes", "model=fcn16s", "start=coarser", *words]))["start"]

    assert before("epochs=1") != before()
    one = ("by_variant.fcn16s.epochs=1",)
    assert before(*one) == before()
    assert name("model=fcn16s", *one) == name("model=fcn16s", "epochs=1") != name("model=fcn16s")


def test_the_bottom_stage_and_at_once_are_what_they_are_without_a_staged() -> None:
    for variant in ("fcn32s", "fcn8s_atonce"):
        assert name(f"model={variant}", "start=coarser") == name(f"model={variant}")


@pytest.mark.parametrize("words", [["model=fcn16s", "start=fcn8s"], ["model=fcn16s", "start=fcn16s"]])
def test_only_a_coarser_net_is_started_from(words: list[str], command: Command) -> None:
    outcome = command("train", *TINY, *words)
    assert outcome.code == 1
    assert "starts from a coarser one" in outcome.text
