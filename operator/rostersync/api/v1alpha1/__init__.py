"""The types of rostersync.dev/v1alpha1, one file a kind; they validate, and they generate the CRDs."""

GROUP = "rostersync.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
