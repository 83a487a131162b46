import json
from io import StringIO

from django.core.management import call_command

from predictions.priors.effort import shipped_effort_pool


def test_shipped_file_is_what_the_code_builds() -> None:
    answer = StringIO()

    call_command("build_prior", "effort", check=True, stdout=answer)

    assert "as it was" in answer.getvalue()


def test_shipped_prior_is_wide_and_claims_no_project_of_its_own() -> None:
    pool = shipped_effort_pool()

    assert pool.projects == 0.0
    assert json.dumps(pool.errors.tolist())  # finite numbers only
    assert pool.errors.std() > 0.8
