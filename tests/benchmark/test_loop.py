"""What the Trainer adds is the time between bare things, with the end of the epoch shared."""

import pytest

from fcnlab.benchmark import loop
from fcnlab.benchmark.loop import Alternately


def test_ours_is_what_passes_between_two_bare_things(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four batches: the bare thing takes 2 s, ours 2.5 s.
    clock = iter([0.0, 2.0, 4.5, 6.5, 9.0, 11.0, 13.5, 15.5])
    monkeypatch.setattr(loop, "now", lambda: next(clock))
    turns = Alternately(lambda: None)
    for _ in range(4):
        turns.on_train_batch_start()
    assert turns.alone == [2.0, 2.0, 2.0, 2.0]
    assert turns.ours == [2.5, 2.5, 2.5]
    assert turns.values(closing=10.0, batches=20) == [2.0 / 3.0]
