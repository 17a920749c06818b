"""Focus SIS as a source: OneRoster under Focus' name. Its sourceIDs have no prefix, since it was the first kind."""

from rostersync.sources.oneroster.profile import profile

FOCUS = profile("Focus", prefix="", rights="Setup > Third Party Systems")
