"""Optimisers as other templates write them: alone, with their own rate."""

from stranger.brought import Bring, bring  # noqa: F401


def test_an_optimiser_alone_is_a_recipe_with_its_own_rate(bring: Bring) -> None:  # noqa: F811
    run = bring("optim={_target_: torch.optim.SGD, lr: 0.05, momentum: 0.75}", "scheduler=constant")
    (state,) = run.last()["optimizer_states"]
    assert {(group["lr"], group["momentum"], group["weight_decay"]) for group in state["param_groups"]} == {
        (0.05, 0.75, 0)
    }
