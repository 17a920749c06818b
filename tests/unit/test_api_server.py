"""Paths of the API server, as its documentation has them."""

import ssl

import pytest

from rostersync.api.api_server import accept_lenient_authorities, path

PATHS = {
    ("syncruns", "rosters"): "/apis/rostersync.dev/v1alpha1/namespaces/rosters/syncruns",
    ("syncruns", "rosters", "r", "status"): "/apis/rostersync.dev/v1alpha1/namespaces/rosters/syncruns/r/status",
    ("focusconnections",): "/apis/rostersync.dev/v1alpha1/focusconnections",
    ("namespaces", "", "rosters"): "/api/v1/namespaces/rosters",
    ("pods", "rosters"): "/api/v1/namespaces/rosters/pods",
    ("jobs", "rosters", "j"): "/apis/batch/v1/namespaces/rosters/jobs/j",
    ("leases", "rosters", "l"): "/apis/coordination.k8s.io/v1/namespaces/rosters/leases/l",
    ("selfsubjectreviews",): "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    ("validatingadmissionpolicies", "", "p"): "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/p",
}


@pytest.mark.parametrize(("parts", "expected"), PATHS.items())
def test_path(parts, expected):
    assert path(*parts) == expected


def test_a_lenient_context_still_verifies():
    context = ssl.create_default_context()
    accept_lenient_authorities(context)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
