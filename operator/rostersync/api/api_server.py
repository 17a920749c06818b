"""What the operator and `kubectl roster` both know of a Kubernetes API server."""

import ssl

from rostersync.api.v1alpha1 import API_VERSION

PAGE = 500  # objects that a list asks for at a time, as kubectl does
_BUILT_IN = {
    "events": "/api/v1",
    "namespaces": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "pods": "/api/v1",
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "selfsubjectreviews": "/apis/authentication.k8s.io/v1",
    "mutatingadmissionpolicies": "/apis/admissionregistration.k8s.io/v1",
    "mutatingadmissionpolicybindings": "/apis/admissionregistration.k8s.io/v1",
    "validatingadmissionpolicies": "/apis/admissionregistration.k8s.io/v1",
    "validatingadmissionpolicybindings": "/apis/admissionregistration.k8s.io/v1",
}


def path(plural: str, namespace: str = "", name: str = "", sub: str = "") -> str:
    """The path of a collection, an object or a subresource. `plural` names a resource of Kubernetes or one of ours."""
    root = _BUILT_IN.get(plural, f"/apis/{API_VERSION}")
    where = ("namespaces", namespace) if namespace else ()
    return "/".join((root, *where, *filter(None, (plural, name, sub))))


def accept_lenient_authorities(context: ssl.SSLContext) -> None:
    """Verify certificates as kubectl does: since Python 3.13, ssl refuses the authorities of many clusters."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
