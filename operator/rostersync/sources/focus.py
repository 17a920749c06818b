"""Focus SIS as a source: OneRoster with Focus' name. Its sourceIDs have no prefix, since there were no other kinds."""

from rostersync.sources.oneroster.profile import profile

FOCUS = profile("Focus", prefix="")
