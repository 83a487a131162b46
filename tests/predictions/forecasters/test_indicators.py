import numpy as np
import pytest

from predictions.enums import Trend
from predictions.forecasters.indicators import trend_of


@pytest.mark.parametrize(
    ("series", "trend"),
    [
        ([5, 6, 5, 4, 5, 6, 5, 4, 9, 8, 9, 10], Trend.UP),
        ([9, 8, 9, 10, 9, 8, 9, 10, 5, 6, 5, 4], Trend.DOWN),
        ([5, 6, 5, 4, 5, 6, 5, 4, 5, 6, 4, 5], Trend.STABLE),
        ([0, 12, 0, 0, 11, 0, 0, 13, 0, 0, 14, 0], Trend.VOLATILE),
        ([0] * 12, Trend.STABLE),
        ([5] * 11 + [6], Trend.STABLE),
        ([1, 9], Trend.STABLE),
    ],
)
def test_trend_of_a_series(series: list[int], trend: Trend) -> None:
    assert trend_of(np.array(series, dtype=float)) == trend
