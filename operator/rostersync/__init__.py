"""Imports school rosters from Focus SIS and others into School Passport: complete, explained, approved."""

__version__ = "0.1.0"
