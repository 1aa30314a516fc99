"""``trainer.max_time``: a training ends where it can go on from, and each start has the whole time anew."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from lightning.pytorch.callbacks import Timer


class TimeLimit(Timer):
    """Says when the time is over; :class:`LastCheckpoint` ends the training at the next step that can be gone on from.

    Lightning's own ends the epoch in its middle, as if it were whole, and a run that goes on ends at once, its time
    being spent.

    Args:
        duration: of one start of the training, ``DD:HH:MM:SS`` or the keywords of a timedelta.
    """

    def __init__(self, duration: str | timedelta | Mapping[str, int]) -> None:
        super().__init__(dict(duration) if isinstance(duration, Mapping) else duration, verbose=False)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        remaining = self.time_remaining()
        return remaining is not None and remaining <= 0

    def _check_time_remaining(self, trainer: Any) -> None:
        """Lightning's hooks stop nothing here."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The time that earlier starts took is theirs."""
