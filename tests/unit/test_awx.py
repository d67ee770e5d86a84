"""The templates for AWX: they name playbooks that are there, and hand them what these take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEMPLATES: dict[str, Any] = yaml.safe_load((ROOT / "extensions/awx/templates.yml").read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = {job["name"]: job for job in TEMPLATES["ipsec_awx_job_templates"]}
# Of awx.awx.job_template and awx.awx.workflow_job_template 24.6.
JOB = {
    *(
        "name",
        "description",
        "job_type",
        "organization",
        "inventory",
        "project",
        "execution_environment",
        "credentials",
    ),
    *("playbook", "job_slice_count", "forks", "ask_limit_on_launch", "extra_vars"),
}


def test_every_job_runs_a_playbook_of_the_collection_with_variables_that_it_reads() -> None:
    for job in JOBS.values():
        assert set(job) <= JOB
        text = (ROOT / job["playbook"]).read_text(encoding="utf-8")
        assert [name for name in job["extra_vars"] if name not in text] == []


def test_reading_is_sliced_and_pairing_is_not() -> None:
    assert JOBS["IPsec gather"]["job_slice_count"] == "{{ ipsec_awx.slices }}"
    assert JOBS["IPsec merge"]["job_slice_count"] == 1


def test_the_workflow_merges_after_it_has_read_also_where_a_slice_failed() -> None:
    (workflow,) = TEMPLATES["ipsec_awx_workflows"]
    first, then = workflow["schema"]
    assert [node["unified_job_template"]["name"] for node in (first, then)] == list(JOBS)
    assert first["related"]["always_nodes"] == [{"identifier": then["identifier"]}]
