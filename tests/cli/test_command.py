"""Every command: misspellings get the nearest names, errors no stack trace, help no waiting."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, Trained


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["modle=fcn8s"], ["no setting 'modle'", "Did you mean model"]),
        (["lr=0.1"], ["no setting 'lr' at the top. Did you mean optim.lr?"]),
        (["callbacks=null"], ["callbacks=null: a group is a choice among files", "callbacks=none"]),
        (["experiment=../../x"], ["There is no experiment=../../x. Known: camvid,"]),
        ([f"runs_dir={'a' * 300}"], ["File name too long", "Set a shorter name"]),
        (["runs_dir=r\udcc3\udcbc"], ["runs_dir=r?? holds letters that this terminal's encoding", "LC_ALL=C.UTF-8"]),
        (["data.bach_size=4"], ["no setting 'data.bach_size'", "Did you mean data.batch_size"]),
        (["data=camvid", "data.rooot=x"], ["no setting 'data.rooot'", "Did you mean data.root"]),
        (["model=fcn9s"], ["There is no model=fcn9s", "Did you mean fcn8s"]),
        (["model/backbone=vgg61"], ["There is no model/backbone=vgg61", "Did you mean vgg16"]),
        (["data=folder"], ["data.root is not set"]),
        (["model.skips=[pool5]"], ["Unknown skip 'pool5'", "Did you mean pool4 or pool3"]),
        (["trainer.precision=16-mixed", "trainer.accelerator=cpu"], ["needs a GPU", "bf16-mixed or 32-true"]),
        (["scheduler=linear"], ["There is no scheduler=linear. Did you mean"]),
        (["loss.reduction=sum"], ["meant for loss.reduction=mean", "187,500"]),
        (
            ["optim=sgd_paper"],
            ["is meant for loss.reduction=sum, but the loss takes the mean", "Set loss.reduction=sum"],
        ),
        (["rerun=yes"], ["Known: all, changed, no"]),
        (["weights=vgg.pth"], ["neither a file nor a name", "IMAGENET1K_V1"]),
        (["weights=vgg16_from_caffe.pth"], ["It is a file of pytorch-fcn: see conf/experiment/README.md"]),
        (["runs_dir=/proc/nowhere"], ["Cannot write to", "Set runs_dir="]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_gets_value_rule_and_hint(words: list[str], parts: list[str], command: Command) -> None:
    small = [word for word in TINY if not any(word.startswith(w.split("=")[0] + "=") for w in words)]
    if any(word.startswith("data=") for word in words):
        small = ["logger=none"]
    outcome = command("train", *small, *words)
    assert outcome.code == 1
    for part in parts:
        assert part in outcome.text
    assert "Traceback" not in outcome.text


def test_ctrl_c_says_a_word_and_not_where_it_was(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fcnlab.comparison.finished.find_runs", interrupt)
    outcome = command("compare", "runs=runs")
    assert outcome.text.split() == ["interrupted", "130"]  # and the exit code


def test_a_flag_shows_the_stack(command: Command) -> None:
    with pytest.raises(ValueError, match="pool5"):
        command("train", *TINY, "model.skips=[pool5]", "trace=true")


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("evaluate", "predict", "reproduce", "upper_bound")]


@pytest.mark.parametrize("name", ["train", "compare", *OTHERS])
def test_help_does_not_load_torch(name: str) -> None:
    code = f"import sys; sys.argv = ['x', '--help']\ntry: import fcnlab.{name} as m; m.main()\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules, 'torch was loaded'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^data: .*camvid,.* folder,", done.stdout, re.MULTILINE)
    promise, examples = done.stdout.split("Examples:")
    assert promise.strip()
    assert "Hydra" not in promise
    assert examples.count(f"python -m fcnlab.{name} ") == 3
    assert "Read on: " in examples


def test_exit_codes_reach_the_shell() -> None:
    call = [sys.executable, "-m", "fcnlab.train", "model=fcn9s"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("error: There is no model=fcn9s")


@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        (["compare", "--help"], ""),  # found out at the end
        (["compare", "--cfg", "job"], "1"),  # or at the first line
        pytest.param(["upper_bound", "strides=[64]", "data.images.test=1"], "", marks=pytest.mark.slow),
    ],
)
def test_standard_output_that_nobody_reads_ends_without_a_traceback(words: list[str], unbuffered: str) -> None:
    """Rich and Hydra print in ways of their own."""
    name, *rest = words
    unread, written = os.pipe()
    os.close(unread)
    call, env = [sys.executable, "-m", f"fcnlab.{name}", *rest], os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(call, stdout=written, stderr=subprocess.PIPE, text=True, check=False, env=env)
    os.close(written)
    assert (done.returncode, done.stderr) == (0, "")


def test_flags_show_the_config_without_running_it(command: Command) -> None:
    shown = command("train", "experiment=shapes", "--cfg", "job", "--package", "optim")
    assert shown.text.startswith("# @package optim\n_target_: fcnlab.optim.recipe.Optim")


def test_a_config_that_is_shown_is_checked_too(command: Command) -> None:
    shown = command("train", "experiment=shapes", "--cfg", "job", "--resolve", "-p", "optim", "optim.lr=-1")
    assert shown.code == 1
    assert shown.text.startswith("# @package optim\n_target_")
    assert "Error executing" not in shown.text
    assert "optim.lr=-1 is not a number above 0" in shown.text


def test_info_alone_is_all_that_hydra_knows(command: Command) -> None:
    assert "Config search path" in command("train", "--info").text  # beside what a sweep is told


def test_a_rank_that_is_no_number_is_told_and_so_is_a_folder_that_is_gone(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("RANK", "")
        assert "RANK= in the environment is no number. Type: unset RANK." in command("train").text
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    told = command("train")
    monkeypatch.chdir(tmp_path)
    assert "error: The current folder was deleted. Go to one that is there: cd ~." in told.text


def test_closed_streams_lead_nowhere() -> None:
    call = f"{sys.executable} -m fcnlab.compare --help"
    assert subprocess.run(["bash", "-c", f"{call} <&- >&- 2>&-"], check=False).returncode == 0


def test_the_config_of_a_default_run_reads_in_the_order_of_a_run(command: Command) -> None:
    lines = command("train", "--cfg", "job").text.splitlines()
    order = [line.split(":")[0] for line in lines if line[0] not in " -"]
    assert order == [
        *("experiment", "seed", "data", "model", "start", "weights", "weights_input", "ckpt_path", "task", "loss"),
        *("metrics", "optim", "scheduler", "epochs", "trainer", "compile", "channels_last", "train", "limit"),
        *("callbacks", "monitor", "early_stopping", "checkpoint", "score", "test", "logger", "runs_dir", "rerun"),
        *("overrides", "trace"),
    ]


@pytest.mark.slow
def test_several_checkpoints_are_scored_by_one_command_each_with_its_own_choices(
    trained: Trained, command: Command
) -> None:
    saved = torch.load(trained.checkpoint, weights_only=True)
    saved["fcnlab"]["config"]["data"]["name"] = "others"
    torch.save(saved, "b, c.ckpt")
    outcome = command("evaluate", "-m", f"checkpoint='{trained.checkpoint}',nowhere.ckpt,'b, c.ckpt'")
    assert outcome.code == 1
    listing = outcome.text[outcome.text.index("3 jobs") :].split()
    assert [word for word in listing if word in ("done", "failed:")] == ["done", "failed:", "done"]
    assert "There is no file checkpoint=nowhere.ckpt" in outcome.text
    told = " ".join(outcome.text.split())
    assert "on shapes, test" in told
    assert "b, c.ckpt on others, test" in told


def test_a_tilde_is_the_home_folder_wherever_runs_go(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path("home").absolute()
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    words = [word for word in TINY if not word.startswith("logger")]
    outcome = command("train", *words, "logger=csv", "runs_dir='~/runs'", "test=false")
    assert outcome.code == 0, outcome.text
    assert [path.name for path in Path().iterdir()] == ["home"]
    assert {path.name.split("-")[0] for path in (home / "runs").iterdir()} == {"csv", "shapes"}


@pytest.mark.slow
def test_two_jobs_of_quoted_values_find_their_data(command: Command) -> None:
    values = "data.root='a, (1)','b = 2'"
    outcome = command("train", "-m", "data=folder", "data.classes=x.txt", values, "logger=none")
    assert "There is no file a, (1)/x.txt" in outcome.text
    assert "There is no file b = 2/x.txt" in outcome.text


def test_flags_stand_anywhere_and_settings_have_no_dashes(command: Command) -> None:
    first = command("train", *TINY, "-m", "trainer=smoke", "seed=0,1", "test=false")
    assert first.code == 0, first.text
    assert "2 jobs" in first.text
    assert "Settings are written without dashes: optim.lr=0.01" in command("train", "--optim.lr=0.01").text
    assert "seed=0,1 gives several values: add -m" in command("train", "seed=0,1").text


def test_a_sweep_without_a_job_is_told(command: Command) -> None:
    outcome = command("train", "-m", *TINY, "seed=range(0)")
    assert outcome.code == 1
    assert "This sweep has no job: a list or a range in it is empty." in outcome.text
    assert command("train", "-m", "--help").code == 0
