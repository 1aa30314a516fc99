"""Every command: misspellings get the nearest names, errors no stack trace, help no waiting."""

import subprocess
import sys

import pytest
from conftest import TINY, Command


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["modle=fcn8s"], ["no setting 'modle'", "Did you mean model"]),
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
        (["rerun=yes"], ["Known: no, changed, all"]),
        (["weights=vgg.pth"], ["neither a file nor a name", "IMAGENET1K_V1"]),
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


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "compare", "reproduce", "upper_bound"])
def test_help_does_not_load_torch(name: str) -> None:
    code = f"import sys; sys.argv = ['x', '--help']\ntry: import fcnlab.{name} as m; m.main()\n"
    code += "except SystemExit: pass\nassert 'torch' not in sys.modules, 'torch was loaded'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "data: camvid, folder, shapes" in done.stdout


def test_exit_codes_reach_the_shell() -> None:
    call = [sys.executable, "-m", "fcnlab.train", "model=fcn9s"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("error: There is no model=fcn9s")
