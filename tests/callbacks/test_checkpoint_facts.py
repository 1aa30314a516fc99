"""What a callback leaves out of a checkpoint is told, as a run that goes on begins without it."""

from conftest import TINY, Command

PRUNING = (
    "+callbacks.prune={_target_: lightning.pytorch.callbacks.ModelPruning, pruning_fn: l1_unstructured, amount: 0.5}"
)


def test_masks_of_pruning_that_no_checkpoint_holds_are_told_once(command: Command) -> None:
    outcome = command("train", *(word for word in TINY if "epochs" not in word), "epochs=2", "score=last", PRUNING)
    assert outcome.code == 0, outcome.text
    assert outcome.text.count("tensors of the net out of every checkpoint (net.") == 1
    assert "leaves" not in command("train", *TINY).text
