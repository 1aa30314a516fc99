"""Names that are monitored: whether a validation logs them is told before the first epoch, not after it."""

from collections.abc import Mapping

import lightning as L

from fcnlab.error import UserError, nearest


class TryValidation(L.Callback):
    """Validate one batch before the training, where more is asked of a validation than every one of ours gives.

    What a metric, a task or another's callback does not take is told then, and so is a score that nobody logs.

    Args:
        monitored: metrics by the setting that names them.
    """

    def __init__(self, monitored: Mapping[str, str]) -> None:
        self.monitored = monitored

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Ask Lightning for what it calls a sanity check; the random numbers of the training stay the same."""
        if stage == "fit":
            trainer.num_sanity_val_steps = max(1, trainer.num_sanity_val_steps)

    def on_sanity_check_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise UserError for a score that the validation did not log."""
        for setting, metric in self.monitored.items():
            refuse_unlogged(setting, metric, trainer, pl_module)


def refuse_unlogged(setting: str, metric: str, trainer: L.Trainer, task: L.LightningModule) -> None:
    """Raise UserError where the task did not log what a setting names."""
    if metric not in (known := trainer.callback_metrics):
        raise UserError(
            f"{setting}={metric} is not among what {type(task).__name__} logs in a validation. "
            f"{nearest(metric, sorted(known))}"
        )
