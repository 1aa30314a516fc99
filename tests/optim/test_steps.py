"""How many steps and epochs a training has, counted against loops by hand."""

import lightning as L
import pytest
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.demos.boring_classes import BoringModel
from stranger.brought import Bring, bring  # noqa: F401
from stranger.test_schedulers import half_cosine

from fcnlab.optim.steps import training_epochs, training_steps

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class Looking(L.Callback):
    """Keeps what is told before the first step."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.steps = training_steps(trainer)
        self.epochs = training_epochs(trainer, self.steps)


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"max_epochs": 4}, {0: 3, 2: 2}),
        ({"max_epochs": 4}, None),
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, None),
        ({"max_epochs": -1, "max_steps": 8}, {1: 2}),
        ({"max_epochs": 9, "max_steps": 7}, {0: 2}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_told_before_is_what_was_done_after(settings: dict, changes: dict | None) -> None:
    looking = Looking()
    accumulating = [GradientAccumulationScheduler(changes)] if changes else []
    trainer = L.Trainer(
        **settings, **QUIET, limit_train_batches=5, limit_val_batches=0, callbacks=[looking, *accumulating]
    )
    trainer.fit(BoringModel())
    assert (looking.steps, looking.epochs) == (trainer.global_step, trainer.fit_loop.epoch_progress.current.started)


def test_a_schedule_ends_with_the_training_where_gradients_are_accumulated_over_a_changing_number(
    bring: Bring,  # noqa: F811
) -> None:
    name = "lightning.pytorch.callbacks.GradientAccumulationScheduler"
    accumulate = f"+callbacks.x={{_target_: {name}, scheduling: {{0: 2, 1: 1}}}}"
    run = bring("scheduler=timm_steps", "epochs=3", accumulate)
    assert run.last()["global_step"] == 5  # of two batches an epoch: 1, 2 and 2
    expected = [half_cosine(done, 5) for done in (1, 3, 5)]
    assert [row["lr"] for row in run.history] == pytest.approx(expected, rel=1e-5)
