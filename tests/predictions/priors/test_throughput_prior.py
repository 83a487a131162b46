from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from predictions.priors import throughput
from predictions.priors.throughput import HORIZONS_WEEKS, shipped_pools


def test_shipped_file_is_what_the_code_builds() -> None:
    built = throughput.built_prior()

    assert "no data of any organisation" in built["fitted_on"]
    for row, pool in zip(built["pools"], shipped_pools(), strict=True):
        assert row["coefficients"] == pytest.approx(pool.coefficients.tolist(), abs=2e-3)
        # Another processor may round another way and keep another one of two equal neighbours.
        shares = (0.1, 0.5, 0.9)
        assert np.quantile(row["errors"], shares) == pytest.approx(np.quantile(pool.errors, shares), abs=0.02)


def test_shipped_prior_covers_the_horizons_and_claims_no_record_of_its_own() -> None:
    pools = shipped_pools()

    assert tuple(pool.horizon_weeks for pool in pools) == HORIZONS_WEEKS
    assert {pool.independent for pool in pools} == {0.0}
    assert all(np.isfinite(pool.errors).all() for pool in pools)


def test_command_says_which_priors_there_are() -> None:
    with pytest.raises(CommandError, match="there are effort, item-delay, iterations, throughput"):
        call_command("build_prior", "weather", stdout=StringIO())
