"""From a checkpoint's config only what conf/ lists is built, and nothing in it is an instruction."""

import copy

import pytest
import torch

from fcnlab.checkpoint import listed, load_checkpoint
from fcnlab.compose import compose, plain
from fcnlab.error import UserError

FACTS = {"class_names": ["a", "b"], "palette": [[0, 0, 0], [1, 2, 3]], "mean": [0.5] * 3, "std": [0.5] * 3}


def save(path, facts=FACTS, **sections) -> str:
    config = {"model": {}, "data": {}, "loss": {}, **sections}
    torch.save({"fcnlab": {"config": config, **facts}, "state_dict": {}}, path)
    return str(path)


def test_what_may_be_built_is_what_the_configs_list() -> None:
    assert {"fcnlab.model.fcn.FCN", "fcnlab.model.vgg.VGG16"} <= listed("model")
    assert listed("loss") == {"fcnlab.loss.CrossEntropy"}
    assert all(target.startswith("fcnlab.data.") for target in listed("data"))  # augmentation never comes along


@pytest.mark.parametrize(
    "target",
    [
        *("torch.hub.load", "os.system", "fcnlabx.model.X", "fcnlab.train.train", "fcnlab.record.git"),
        *("fcnlab.data.files.fetch_folder", "albumentations.load", "torch.optim.SGD", "fcnlab.compose.build"),
    ],
)
@pytest.mark.parametrize("section", ["model", "data", "loss"])
def test_a_foreign_target_is_refused_wherever_it_hides(tmp_path, section: str, target: str) -> None:
    own = next(iter(listed(section)))
    hidden = {section: {"_target_": own, "inner": [{"deeper": {"_target_": target}}]}}
    with pytest.raises(UserError, match=f"asks to build {target}"):
        load_checkpoint(save(tmp_path / "x.ckpt", **hidden))
    load_checkpoint(tmp_path / "x.ckpt", build={"model", "data", "loss"} - {section})  # it is typed instead


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"name": "${oc.env:HOME}"}, "interpolation '${oc.env:HOME}' under model.name"),
        ({"name": ["a", {"b": "x${oc.env:HOME}"}]}, "under model.name.1.b"),
        ({"_args_": ["fcn"]}, "instruction '_args_' under model"),
        ({"trunk": {"_partial_": True}}, "instruction '_partial_' under model.trunk"),
        ({"trunk": {"_convert_": "none"}}, "instruction '_convert_'"),
        ({"width": torch.zeros(2)}, "a Tensor under model.width"),
    ],
)
def test_a_config_of_a_checkpoint_is_data(tmp_path, node: dict, message: str) -> None:
    with pytest.raises(UserError) as refusal:
        load_checkpoint(save(tmp_path / "x.ckpt", model={"_target_": "fcnlab.model.fcn.FCN", **node}))
    assert message in str(refusal.value)


def test_the_projects_own_configs_are_accepted(tmp_path) -> None:
    config = plain(compose("train", ["data=camvid"]))
    path = save(tmp_path / "x.ckpt", **{key: config[key] for key in ("model", "data", "loss")})
    assert load_checkpoint(path)["fcnlab"]["config"]["model"] == config["model"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"format": 2}, "has format 2; this fcnlab reads format 1"),
        ({"class_names": []}, "is damaged: it has no class names"),
        ({"palette": [[0, 0, 0]]}, "three numbers for each of 2 classes"),
        ({"mean": None}, "its mean is not three numbers"),
        ({"order": "GBR"}, "its order is not RGB or BGR"),
    ],
)
def test_a_future_or_damaged_checkpoint_is_refused(tmp_path, facts: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_checkpoint(save(tmp_path / "x.ckpt", facts=copy.deepcopy(FACTS) | facts))


def test_one_wrong_bit_in_the_weights_is_noticed(tmp_path) -> None:
    path = save(tmp_path / "x.ckpt", facts={**FACTS, "weight": torch.ones(1000)})
    content = bytearray((tmp_path / "x.ckpt").read_bytes())
    place = content.index(torch.ones(8).numpy().tobytes()) + 400
    content[place] ^= 1
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UserError, match="wrong checksum"):
        load_checkpoint(path)
