"""Illuminate as a source: OneRoster, whose older signatures are made with a user's key, too."""

from rostersync.sources.oneroster.profile import profile

ILLUMINATE = profile(
    "Illuminate",
    prefix="il-",
    rights="Administration > API Management",
    user=("userKey", "userSecret"),
)
