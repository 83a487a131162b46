import json
from io import StringIO

from django.core.management import call_command

from predictions.priors.throughput import HORIZONS_WEEKS, shipped_pools


def test_shipped_file_is_what_the_code_builds() -> None:
    answer = StringIO()

    call_command("build_prior", "throughput", check=True, stdout=answer)

    assert "as it was" in answer.getvalue()


def test_shipped_prior_covers_the_horizons_and_claims_no_record_of_its_own() -> None:
    pools = shipped_pools()

    assert tuple(pool.horizon_weeks for pool in pools) == HORIZONS_WEEKS
    assert {pool.independent for pool in pools} == {0.0}
    assert json.dumps([pool.errors.tolist() for pool in pools])  # finite numbers only
