"""What published data sets share: MATLAB's masks, shares, choices, counts."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.io
from data import test_context, test_nyud, test_siftflow

from fcnlab.cli.compose import build, compose
from fcnlab.data.ade20k import ADE20K
from fcnlab.data.cityscapes import Cityscapes
from fcnlab.data.published import read_matrix, share_of_train
from fcnlab.error import UserError


def test_matlabs_masks_are_read_with_minus_one_as_zero(tmp_path: Path) -> None:
    for values in (np.array([[-1, 0], [3, 254]], np.int16), np.array([[0, 459]], np.float64)):
        scipy.io.savemat(tmp_path / "mask.mat", {"S": values})
        assert (read_matrix(tmp_path / "mask.mat", "S") == np.maximum(values, 0)).all()
    scipy.io.savemat(tmp_path / "mask.mat", {"S": np.array([[70000]])})
    with pytest.raises(UserError, match="mask.mat holds S of shape"):
        read_matrix(tmp_path / "mask.mat", "S")
    (tmp_path / "mask.mat").write_text("hello")
    with pytest.raises(UserError, match="mask.mat"):
        read_matrix(tmp_path / "mask.mat", "S")


def test_a_training_list_falls_apart_into_train_and_val() -> None:
    names = [str(number) for number in range(1000)]
    train, val = (share_of_train(names, split, 0.2) for split in ("train", "val"))
    assert sorted([*train, *val]) == sorted(names)
    assert 150 < len(val) < 250
    assert share_of_train(names[::2], "val", 0.2) == [name for name in val if int(name) % 2 == 0]


@pytest.mark.parametrize("data", [test_nyud, test_siftflow, test_context])
def test_without_holding_out_the_whole_list_is_learned_from(data: ModuleType, tmp_path: Path) -> None:
    name = data.__name__.rpartition("test_")[2]
    words = [f"data={name}", f"data.root={data.make(tmp_path)}", "data.val_fraction=0.3", "data.complete=false"]
    held, whole = (build(compose("train", [*words, *more]).data) for more in ([], ["data.hold_out=false"]))
    train, val = held.names("train"), held.names("val")
    assert train
    assert val
    assert not {*train} & {*val}
    assert sorted(whole.names("train")) == sorted([*train, *val])
    assert list(whole.names("val")) == list(val)
    assert not {*whole.names("train")} & {*whole.names("test")}


def test_choices_and_shares_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean trainIds"):
        Cityscapes(root="x", masks="trainId", val_cities=[], complete=False)
    for value in (0, 1, 1.5, "half"):
        with pytest.raises(UserError, match=f"val_fraction={value} is not a number"):
            ADE20K(root="x", val_fraction=value, complete=False)
