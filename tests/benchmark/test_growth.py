"""Growth in proportion lies on a straight line; other growth does not."""

import numpy as np
import pytest

from fcnlab.benchmark.growth import residual


def test_a_fixed_cost_and_a_cost_for_each_are_on_the_line() -> None:
    assert residual({1: 5.0, 2: 7.0, 8: 19.0}) == pytest.approx(0, abs=1e-12)


def test_what_is_off_the_line_is_told_as_a_share_of_the_time_there() -> None:
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    times = np.array([1.0, 2.0, 4.0, 12.0])
    slope, fixed = np.polyfit(sizes, times, 1, w=1 / times)
    worst = np.abs((fixed + slope * sizes) / times - 1).max()
    assert residual(dict(zip(sizes.astype(int).tolist(), times.tolist(), strict=True))) == pytest.approx(worst)
    assert worst > 0.1


def test_noise_about_no_growth_stays_as_small_as_it_is() -> None:
    assert residual({1: 2.0, 2: 2.1, 3: 1.9}) < 0.1
