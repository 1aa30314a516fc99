"""From a checkpoint's config only what conf/ lists is built, and nothing in it is an instruction."""

import copy
from pathlib import Path

import pytest
import torch
from conftest import TINY, Command, Trained
from PIL import Image

from fcnlab.cli.compose import compose, plain
from fcnlab.error import UserError
from fcnlab.model.checkpoint import FORMAT, SECTIONS, listed, load_checkpoint

FACTS = {"class_names": ["a", "b"], "palette": [[0, 0, 0], [1, 2, 3]], "mean": [0.5] * 3, "std": [0.5] * 3}


def save(path, facts=FACTS, **sections) -> str:
    config = {section: {} for section in SECTIONS} | sections
    torch.save({"fcnlab": {"config": config, **facts}, "state_dict": {}}, path)
    return str(path)


def test_what_may_be_built_is_what_the_configs_list() -> None:
    assert {"fcnlab.model.fcn.FCN", "fcnlab.model.vgg.VGG16"} <= listed("model")
    assert {"fcnlab.model.foreign.ForeignNet", "segmentation_models_pytorch.Unet"} <= listed("model")
    assert {"fcnlab.loss.cross_entropy.CrossEntropy", "fcnlab.loss.chunked.ChunkedCrossEntropy"} <= listed("loss")
    assert all(target.startswith("fcnlab.data.") for target in listed("data"))  # augmentation never comes along


@pytest.mark.parametrize(
    "target",
    [
        *("torch.hub.load", "os.system", "fcnlabx.model.X", "fcnlab.train.train", "fcnlab.run.record.git"),
        *("fcnlab.data.fetch.fetch_folder", "albumentations.load", "torch.optim.SGD", "fcnlab.cli.compose.build"),
    ],
)
@pytest.mark.parametrize("section", ["model", "data", "loss", "task"])
def test_a_foreign_target_is_refused_wherever_it_hides(tmp_path, section: str, target: str) -> None:
    own = next(iter(listed(section)))
    hidden = {section: {"_target_": own, "inner": [{"deeper": {"_target_": target}}]}}
    with pytest.raises(UserError, match=f"asks to build {target}"):
        load_checkpoint(save(tmp_path / "x.ckpt", **hidden))
    load_checkpoint(tmp_path / "x.ckpt", trust=[target.partition(".")[0]])  # its owner says so
    load_checkpoint(tmp_path / "x.ckpt", build={*SECTIONS} - {section})  # an override says it instead


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"name": "${oc.env:HOME}"}, "interpolation '${oc.env:HOME}' under model.name"),
        ({"name": ["a", {"b": "x${oc.env:HOME}"}]}, "under model.name.1.b"),
        ({"_args_": ["fcn"]}, "instruction '_args_' under model"),
        ({"backbone": {"_mode_": True}}, "instruction '_mode_' under model.backbone"),
        ({"width": torch.zeros(2)}, "a Tensor under model.width"),
    ],
)
def test_a_config_of_a_checkpoint_is_data(tmp_path, node: dict, message: str) -> None:
    with pytest.raises(UserError) as refusal:
        load_checkpoint(save(tmp_path / "x.ckpt", model={"_target_": "fcnlab.model.fcn.FCN", **node}))
    assert message in str(refusal.value)


def test_the_projects_own_configs_are_accepted(tmp_path) -> None:
    config = plain(compose("train", ["data=camvid"]))
    path = save(tmp_path / "x.ckpt", **{key: config[key] for key in SECTIONS})
    assert load_checkpoint(path)["fcnlab"]["config"]["model"] == config["model"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"format": FORMAT + 1}, f"has format {FORMAT + 1}; this fcnlab reads format {FORMAT}"),
        ({"format": 1}, f"has format 1; this fcnlab reads format {FORMAT}"),
        ({"class_names": []}, "is damaged: it has no class names"),
        ({"palette": [[0, 0, 0]]}, "three numbers of 0 to 255 for each of 2 classes"),
        ({"palette": [[0, 0, 0], [1, 2, 0.5]]}, "three numbers of 0 to 255"),
        ({"class_names": ["a", "${oc.env:HOME}"]}, "a class name is an interpolation"),
        ({"mean": None}, "its mean is not one number for each channel"),
        ({"std": [1.0, 1.0, float("nan")]}, "its std is not one number for each channel"),
        ({"std": [1.0]}, "its std is not one number for each channel"),
        ({"scale": 0}, "its scale is no number above 0"),
        ({"order": "GBR"}, "its order is not RGB or BGR"),
    ],
)
def test_a_future_or_damaged_checkpoint_is_refused(tmp_path, facts: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_checkpoint(save(tmp_path / "x.ckpt", facts=copy.deepcopy(FACTS) | facts))


@pytest.mark.parametrize("section", ["data", "model", "loss"])
@pytest.mark.parametrize("content", [None, "fcn8s", [1]])
def test_a_config_without_a_section_is_damaged(tmp_path, section: str, content: object) -> None:
    with pytest.raises(UserError, match=f"is damaged: its config has no {section}"):
        load_checkpoint(save(tmp_path / "x.ckpt", **{section: content}), build=())


def test_a_target_that_is_no_name_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="asks to build"):
        load_checkpoint(save(tmp_path / "x.ckpt", model={"_target_": ["fcnlab.model.fcn.FCN"]}))


def test_a_checkpoint_whose_config_tells_no_trainer_is_scored_all_the_same(trained: Trained, command: Command) -> None:
    content = torch.load(trained.checkpoint, weights_only=True)
    del content["fcnlab"]["config"]["trainer"], content["fcnlab"]["config"]["channels_last"]
    torch.save(content, "x.ckpt")
    outcome = command("evaluate", "checkpoint=x.ckpt", "trainer.enable_progress_bar=false")
    assert outcome.code == 0, outcome.text


def test_one_wrong_bit_in_the_weights_is_noticed(tmp_path) -> None:
    path = save(tmp_path / "x.ckpt", facts={**FACTS, "weight": torch.ones(1000)})
    content = bytearray((tmp_path / "x.ckpt").read_bytes())
    place = content.index(torch.ones(8).numpy().tobytes()) + 400
    content[place] ^= 1
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UserError, match="wrong checksum"):
        load_checkpoint(path)


def test_weights_without_numbers_score_label_and_teach_nothing(
    trained: Trained, command: Command, tmp_path: Path
) -> None:
    """The label of a NaN is the first class, without a word."""
    saved = torch.load(trained.checkpoint, weights_only=True)
    saved["state_dict"]["net.score_fr.weight"][0, 0] = float("nan")
    torch.save(saved, tmp_path / "x.ckpt")
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    words = f"checkpoint={tmp_path}/x.ckpt"
    for outcome in (
        command("evaluate", words),
        command("predict", words, f"images={tmp_path}/photo.png", "output=o"),
        command("train", *TINY, f"weights={tmp_path}/x.ckpt"),
    ):
        assert outcome.code == 1
        assert "score_fr.weight: its training had failed" in outcome.text
        assert "Traceback" not in outcome.text


def test_a_net_from_a_checkpoint_fetches_no_weights_that_the_checkpoint_replaces(tmp_path) -> None:
    model = {
        "pretrained": True,
        "net": {"encoder_weights": "imagenet", "weights": "DEFAULT", "weights_backbone": "IMAGENET1K_V1", "name": "x"},
    }
    read = load_checkpoint(save(tmp_path / "x.ckpt", model=model))["fcnlab"]["config"]["model"]
    assert read == {
        "pretrained": False,
        "net": {"encoder_weights": None, "weights": None, "weights_backbone": None, "name": "x"},
    }
