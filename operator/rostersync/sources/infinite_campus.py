"""Infinite Campus as a source: OneRoster with pages as large as its makers ask for."""

from rostersync.sources.oneroster.profile import profile

INFINITE_CAMPUS = profile(
    "Infinite Campus",
    prefix="ic-",
    page_size=2000,
    rights="Instruction > Digital Learning Applications Configuration, Data to Share",
)
