"""From a checkpoint's config only what fcnlab lists is built."""

import pytest
import torch

from fcnlab.checkpoint import load_checkpoint, targets
from fcnlab.compose import compose, plain
from fcnlab.error import UserError


def save(path, **sections) -> str:
    config = {"model": {}, "data": {}, "loss": {}, **sections}
    torch.save({"fcnlab": {"config": config}, "state_dict": {}}, path)
    return str(path)


def test_targets_are_found_at_any_depth_of_what_is_built() -> None:
    config = plain(compose("train", ["data=camvid"]))
    found = set(targets(config))
    assert {"fcnlab.model.vgg.VGG16", "albumentations.RandomCrop", "torch.optim.AdamW"} <= found
    assert not any("loggers" in target for target in found)  # a logger is never built from a checkpoint


@pytest.mark.parametrize("target", ["torch.hub.load", "os.system", "torch.utils.cpp_extension.load", "fcnlabx.model.X"])
@pytest.mark.parametrize("section", ["model", "data", "loss"])
def test_a_foreign_target_is_refused_wherever_it_hides(tmp_path, section: str, target: str) -> None:
    hidden = {section: {"_target_": "fcnlab.model.fcn.FCN", "inner": [{"deeper": {"_target_": target}}]}}
    with pytest.raises(UserError, match=f"asks to build {target}"):
        load_checkpoint(save(tmp_path / "x.ckpt", **hidden))


def test_the_projects_own_targets_are_accepted(tmp_path) -> None:
    config = plain(compose("train", ["data=camvid"]))
    path = save(tmp_path / "x.ckpt", **{key: config[key] for key in ("model", "data", "loss")})
    assert load_checkpoint(path)["fcnlab"]["config"]["model"] == config["model"]
