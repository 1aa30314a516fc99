"""Growth in proportion has slopes that are not apart; other growth has."""

import pytest

from fcnlab.benchmark.growth import spread


def test_a_fixed_cost_and_a_constant_slope_are_no_spread() -> None:
    assert spread({1: 5.0, 2: 7.0, 8: 19.0}) == pytest.approx(0)


def test_slopes_are_held_against_the_mean_one() -> None:
    assert spread({1: 1.0, 2: 2.0, 4: 8.0}) == pytest.approx((3 - 1) / (7 / 3))
    assert spread({1: 2.0, 2: 1.0, 3: 4.0}) == pytest.approx((3 - -1) / 1)


def test_growth_that_cannot_be_told_from_noise_reaches_no_goal() -> None:
    assert spread({1: 2.0, 2: 2.1, 3: 1.9}) == float("inf")
