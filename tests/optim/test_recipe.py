"""Which parameters learn, how fast, and when."""

import pytest
import torch

from fcnlab.cli.compose import build, compose
from fcnlab.error import UserError

NET = ["model=fcn8s", "model.backbone.width=0.05", "model.backbone.fc_channels=16"]


def rates(*overrides: str) -> dict[str, tuple[float, float]]:
    """Every learning parameter of a tiny net with its rate and decay at full rate."""
    config = compose("train", [*NET, *overrides])
    net = build(config.model, num_classes=3)
    optimizer = build(config.optim).build(net)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}


def test_biases_learn_twice_as_fast_and_do_not_decay_in_the_papers_recipe() -> None:
    found = rates("optim=sgd", "optim.lr=0.5", "optim.weight_decay=0.1")
    assert {value for name, value in found.items() if name.endswith("bias")} == {(1.0, 0.0)}
    assert {value for name, value in found.items() if name.endswith("weight")} == {(0.5, 0.1)}


def test_every_parameter_learns_once_and_batch_norm_does_not_decay() -> None:
    found = rates("model.backbone.batch_norm=true", "optim.lr=0.5", "optim.bias_lr_factor=2")
    net = build(compose("train", [*NET, "model.backbone.batch_norm=true"]).model, num_classes=3)
    assert set(found) == {name for name, _ in net.named_parameters()}
    assert found["backbone.conv1_1_bn.weight"] == found["backbone.conv1_1_bn.bias"] == (0.5, 0.0)


def test_batch_norm_is_known_in_any_backbone() -> None:
    config = compose(
        "train", ["model/backbone=resnet18", "optim.lr=0.5", "optim.bias_lr_factor=2", "scheduler.warmup=0"]
    )
    net = build(config.model, num_classes=3)
    optimizer = build(config.optim).build(net)
    fast = {id(p) for group in optimizer.param_groups for p in group["params"] if group["lr"] == 1}
    biases = {f"score_{name}.bias" for name in ("fr", "pool4", "pool3")}  # a ResNet's convolutions have none
    assert {name for name, parameter in net.named_parameters() if id(parameter) in fast} == biases


def test_the_longest_beginning_of_a_name_sets_its_rate() -> None:
    found = rates("optim.lr=1", "optim.lr_factors={backbone: 0.5, backbone.conv: 0.1}")
    assert found["backbone.conv1_1.weight"][0] == pytest.approx(0.1)
    assert found["backbone.fc6.weight"][0] == pytest.approx(0.5)
    assert found["score_fr.weight"][0] == 1


def test_frozen_parameters_do_not_learn() -> None:
    assert set(rates("optim.freeze=[backbone]")) == {
        f"score_{s}.{t}" for s in ("fr", "pool4", "pool3") for t in ("weight", "bias")
    }


def test_running_statistics_follow_the_images_where_batch_norm_is_frozen() -> None:
    config = compose("train", [*NET, "model.backbone.batch_norm=true", "optim.freeze=[backbone]"])
    net = build(config.model, num_classes=3)
    build(config.optim).build(net)
    net(torch.rand(2, 3, 64, 64) + 1)
    norm = net.backbone.conv1_1_bn
    assert not norm.weight.requires_grad
    assert norm.running_mean.any()


def test_a_name_that_no_parameter_begins_with_is_refused() -> None:
    with pytest.raises(UserError, match="no parameter begins so"):
        rates("optim.freeze=[trunc]")


def test_something_must_learn() -> None:
    with pytest.raises(UserError, match=r"leaves no parameter to learn. Freeze fewer layers"):
        rates("optim.freeze=[backbone,score]")


def test_a_rate_meant_for_another_reduction_is_refused_with_the_conversion() -> None:
    optim = build(compose("train").optim)
    with pytest.raises(UserError, match="187,500 times the mean"):
        optim.check_reduction("sum")
    optim.check_reduction("mean")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optim.optimizer.momentum=-1", "SGD cannot be built: Invalid momentum value: -1"),
        ("+optim.optimizer.lr=5", "optim.optimizer.lr would not be used. Set optim.lr="),
        ("+optim.optimizer.weight_decay=5", "optim.optimizer.weight_decay would not be used"),
    ],
)
def test_what_the_optimiser_does_not_take_is_told(word: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        rates("optim=sgd", word)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(UserError, match="Known: mean, sum"):
        compose("train", ["optim.reduction=avg"])


def test_parameters_beside_the_net_learn_too_and_are_frozen_by_their_names() -> None:
    config = compose("train", [*NET, "optim.lr=0.5", "optim.weight_decay=0.1"])
    net = build(config.model, num_classes=3)
    scale = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = build(config.optim).build(net, {"loss.scale": scale})
    (group,) = (group for group in optimizer.param_groups if any(one is scale for one in group["params"]))
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.1)
    build(config.optim, freeze=["loss"]).build(net, {"loss.scale": scale})
    assert not scale.requires_grad


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("torch.optim.LBFGS", "optim.weight_decay=0.01 has no use: LBFGS takes none"),
        ("torch.optim.Muon", "Muon cannot be built: Muon only supports 2D"),
    ],
)
def test_an_optimiser_that_does_not_take_what_it_is_given_is_told(target: str, message: str) -> None:
    config = compose(
        "train", [*NET, "optim=sgd", f"optim.optimizer={{_target_: {target}}}", "~optim.optimizer.momentum"]
    )
    with pytest.raises(UserError, match=message):
        build(config.optim, weight_decay=0.01).build(build(config.model, num_classes=3))


def test_what_is_no_optimiser_is_told() -> None:
    config = compose("train", NET)
    recipe = build(config.optim, optimizer=lambda groups, **_: {})
    with pytest.raises(UserError, match="optim.optimizer builds a dict. It must be a torch Optimizer"):
        recipe.build(build(config.model, num_classes=3))
