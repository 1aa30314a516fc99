"""Two processes over gloo count every image once, take the step of one, and go on and end as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from conftest import PROJECT, TINY, Command, Trained
from trainer.two_processes import DDP, SIZES, STEP, SUM

from fcnlab.run.distributed import gather, sum_over_processes

pytestmark = pytest.mark.slow  # two processes of torchrun


@pytest.fixture(scope="module")
def pair(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes, started by torchrun, have gone through the cases of ``two_processes``."""
    folder, random = tmp_path_factory.mktemp("pair"), np.random.default_rng(0)
    for kind in ("images", "masks", "lists"):
        (folder / "photos" / kind).mkdir(parents=True)
    for i in range(22):
        mask = random.integers(0, 3, (32, 32), dtype=np.uint8)
        mask[: 31 * (i % 2)] = 255  # every other image is void but for one line
        PIL.Image.fromarray(np.repeat(mask[..., None] // 4 + np.uint8(i), 3, 2)).save(
            folder / f"photos/images/{i:02d}.png"
        )
        PIL.Image.fromarray(mask).save(folder / f"photos/masks/{i:02d}.png")
    (folder / "photos/classes.txt").write_text("ground\nleaf\nstem\n")
    for split, numbers in (("train", range(16)), ("val", range(16, 19)), ("test", range(19, 22))):
        (folder / f"photos/lists/{split}.txt").write_text("\n".join(f"{i:02d}" for i in numbers))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = [str(Path(__file__).with_name("two_processes.py")), trained.checkpoint]
    paths = os.pathsep.join([str(PROJECT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(
        [*torchrun, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def only(folder: Path) -> Path:
    (found,) = folder.glob("*-s0-*")
    return found


@pytest.mark.parametrize("images", SIZES)
def test_two_processes_count_every_image_once(images: int, pair: Path, trained: Trained, command: Command) -> None:
    sizes = (f"data.images.test={images}", f"data.batch_size={SIZES[images]}", "trainer.enable_progress_bar=false")
    assert command("evaluate", f"checkpoint={trained.checkpoint}", *sizes, "output=one").code == 0
    one, two = np.load("one/counts.npz"), np.load(pair / f"two_{images}" / "counts.npz")
    assert list(two["names"]) == [f"test_{i:05d}" for i in range(images)]
    assert all((one[key] == two[key]).all() for key in one)
    scores = [json.loads((folder / "metrics.json").read_text()) for folder in (Path("one"), pair / f"two_{images}")]
    assert scores[1] == pytest.approx(scores[0], rel=1e-6)
    drawn = [folder / "predictions" for folder in (Path("one"), pair / f"two_{images}")]
    assert {path.name for path in drawn[0].iterdir()} == {path.name for path in drawn[1].iterdir()}


@pytest.mark.parametrize(("folder", "words"), [("two", STEP), ("two_sum", SUM)])
def test_two_processes_with_batch_4_take_the_steps_of_one_with_batch_8(
    folder: str, words: tuple[str, ...], pair: Path, command: Command
) -> None:
    assert command("train", *words, f"data.root={pair}/photos", "data.batch_size=8").code == 0
    two = only(pair / folder)
    weights = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (only(Path("runs")), two)
    ]
    for key, tensor in weights[0].items():
        if key.startswith("net."):
            torch.testing.assert_close(tensor, weights[1][key], rtol=1e-4, atol=1e-5)
    scores = [json.loads((folder / "metrics.json").read_text()) for folder in (only(Path("runs")), two)]
    assert scores[1]["train/loss"] == pytest.approx(scores[0]["train/loss"], rel=1e-4)


@pytest.mark.parametrize("folder", ["broken", "asked"])  # in mid-epoch; in validation, of which one got a signal
def test_two_processes_go_on_as_if_never_interrupted(folder: str, pair: Path) -> None:
    whole, broken = (only(pair / name) for name in ("whole", folder))
    assert "Going on from" in (broken / "train.log").read_text()
    first, second = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (whole, broken))
    assert all(torch.equal(v, second["state_dict"][k]) for k, v in first["state_dict"].items() if k.startswith("net."))
    one, other = (json.loads((run / "metrics.json").read_text()) for run in (whole, broken))
    assert other == pytest.approx(one, rel=1e-6)


@pytest.mark.slow
def test_a_sweep_over_processes_leaves_no_stray_folder_and_only_the_first_process_speaks(tmp_path: Path) -> None:
    words = [*TINY, *DDP, "trainer.limit_train_batches=1", "model.backbone.batch_norm=false", "seed=0,1"]
    call = [sys.executable, "-m", "fcnlab.train", "-m", *words, "data.batch_size=4"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
    assert len(list((tmp_path / "runs").glob("shapes-*"))) == 2
    assert {path.name for path in (tmp_path / "runs").iterdir() if "shapes" not in path.name} <= {"sweep"}
    assert done.stdout.count("Run shapes-") == 2
    assert done.stdout.count("2 jobs") == 1


@pytest.mark.slow
def test_a_dying_process_ends_the_run_with_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(
        "import os, albumentations\n"
        "class Dies(albumentations.NoOp):\n"
        "    def apply(self, image, **_):\n"
        "        assert os.environ.get('LOCAL_RANK', '0') == '0', 'the second process had enough'\n"
        "        return image\n"
    )
    words = [*TINY, *DDP, "data.augment=[{_target_: dies.Dies, p: 1.0}]", "data.batch_size=4"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "fcnlab.train", *words],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode != 0
    assert "the second process had enough" in done.stderr
    record = json.loads((only(tmp_path / "runs") / "record.json").read_text())
    assert record["status"] in ("failed", "running")  # Lightning may kill the first process before it has told


def test_one_process_is_the_sum_of_itself() -> None:
    assert sum_over_processes(torch.tensor(3.0)) == 3
    assert gather("a") == ["a"]


LEAVES = """
import atexit, sys
import torch.distributed as dist
atexit.register(lambda: print("left" if not dist.is_initialized() else "still in the group"))
from fcnlab.cli.compose import compose, plain
from fcnlab.trainer.build import build_trainer
build_trainer(plain(compose("train", ["logger=none"]))["trainer"], logger=False)
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=0, world_size=1)
"""


def test_a_process_that_ends_leaves_the_group_first(tmp_path: Path) -> None:
    """Else threads of gloo that run on abort it at times, after all was done: exit code -6."""
    call = [sys.executable, "-W", "ignore", "-c", LEAVES, str(tmp_path / "meeting")]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.splitlines()[-1:] == ["left"], done.stderr
