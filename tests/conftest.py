"""What every test starts from: the same examples each time, and nothing of the environment it happens to run in."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# Without deadlines, since other processes share the machine's cores; derandomised, so that a commit either passes or not.
settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# At a desk examples differ from run to run: `make test ARGS=--hypothesis-profile=seek` looks for what nobody thought of.
settings.register_profile("seek", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

# Where test clusters and databases come from (tests/support/cluster/README.md, tests/support/postgres.py); all else is of the person who runs the tests:
# credentials, a state folder.
_CLUSTERS = {
    "ROSTERSYNC_CACHE",
    "ROSTERSYNC_TEST_KUBECONFIG",
    "ROSTERSYNC_TEST_IMAGE",
    "ROSTERSYNC_KEEP_CLUSTER",
    "ROSTERSYNC_TEST_POSTGRES",
    "ROSTERSYNC_TEST_KILLS",
    "ROSTERSYNC_TEST_NIGHTS",
    "ROSTERSYNC_TEST_DISTRICTS",
    "ROSTERSYNC_TEST_ROUNDS",
}
for name in [n for n in os.environ if n.startswith("ROSTERSYNC_") and n not in _CLUSTERS]:
    del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a missing part is a failure: a test that skips has tested nothing."""
    report = yield
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped, which CI does not allow"
    return report
