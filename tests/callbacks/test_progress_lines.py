"""Without a terminal (``nohup``, SLURM, CI) each epoch is a line of its own, while the training runs."""

import re

from conftest import TINY, Command

LINE = re.compile(
    r"^epoch (\d)/3  step (\d+)/6  loss (\d\.\d+)  val/mean_iou (0\.\d+)  [\d.]+ images/s  \d+:\d\d left$"
)


def test_each_epoch_is_a_line(command: Command) -> None:
    outcome = command("train", *(word for word in TINY if not word.startswith("epochs")), "epochs=3")
    assert outcome.code == 0, outcome.text
    lines = [found for line in outcome.text.splitlines() if (found := LINE.match(line))]
    assert [(found[1], found[2]) for found in lines] == [("1", "2"), ("2", "4"), ("3", "6")]
