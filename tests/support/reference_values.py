"""The reference model's view of single values: transforms, formats, conditions, canonical forms. Plain Python."""

import re
import unicodedata
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rostersync.roster import ROLES, Kind

LISTS = (Kind.LIST, Kind.SET, Kind.REFS)

FORMATS = {
    "Email": r"[^@\s]+@[^@\s]+\.[^@\s.]+",
    "UUID": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    "Integer": r"[+-]?[0-9]+",
    "Boolean": r"(?i:true|false)",
}

# Values of OneRoster's enumerations; others are kept, and reported as Errors.
VOCABULARY = {
    "orgs": {"type": "department district local national school state"},
    "academicSessions": {"type": "gradingPeriod semester schoolYear term"},
    "classes": {"classType": "homeroom scheduled"},
    "enrollments": {"role": "administrator aide guardian parent proctor relative student teacher"},
    "demographics": {"sex": "male female unspecified other"},
}


def spelled(table: str, name: str, value: Any) -> Any:
    """A value of an enumeration as OneRoster spells it."""
    words = (
        list(ROLES)
        if table == "users" and name in ("role", "roles")
        else VOCABULARY.get(table, {}).get(name, "").split()
    )
    spelling = {w.lower(): w for w in words}
    if isinstance(value, list):
        return [spelling.get(v.lower(), v) if isinstance(v, str) else v for v in value]
    return spelling.get(value.lower(), value) if isinstance(value, str) else value


def day(text: str | None, zone: str) -> str | None:
    """A date, or the day that a time with a zone is there."""
    if text is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})", text):
        return text
    if int(text[11:13]) > 23 or (text[-1] != "Z" and (int(text[-5:-3]), text[-2:]) > (14, "00")):
        return text  # no clock shows that, and no zone is as far from UTC
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).date().isoformat()


def unknown_value(table: str, values: dict[str, Any]) -> bool:
    """Whether a record has a value that OneRoster does not know."""
    texts = [(values[name], words.lower().split()) for name, words in VOCABULARY.get(table, {}).items()]
    return any(
        text is not None and not text.lower().startswith("ext:") and text.lower() not in words for text, words in texts
    )


def clean(text: str | None) -> str | None:
    """NFC, trimmed, empty is null."""
    if text is None:
        return None
    return unicodedata.normalize("NFC", text).strip() or None


def is_date(text: str) -> bool:
    """Whether a text is a date that exists, as YYYY-MM-DD."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def transform(name: str, text: str) -> str:
    """One transform of Attributes Mapping."""
    if name == "Trim":
        return text.strip()
    if name == "Lower":
        return text.lower()
    if name == "Upper":
        return text.upper()
    if name == "Title":
        return " ".join(word[:1].upper() + word[1:].lower() for word in text.split(" "))
    if name == "StripAccents":
        bare = [c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)]
        return unicodedata.normalize("NFC", "".join(bare))
    if name == "Digits":
        return "".join(c for c in text if c in "0123456789")
    parts = text.split("@")
    if name == "Before@":
        return parts[0]
    assert name == "After@", name
    return parts[1] if len(parts) > 1 else ""


def well_formed(text: str, rule: dict[str, Any]) -> bool:
    """Whether one text meets the format or pattern of a data requirement."""
    if rule.get("pattern") is not None:
        return re.fullmatch(rule["pattern"], text) is not None
    if rule["format"] == "Date":
        return is_date(text)
    return re.fullmatch(FORMATS[rule["format"]], text) is not None


def meets(value: Any, condition: dict[str, Any], today: str) -> bool:
    """Whether a value (text, list of texts or null) meets one condition of a filter rule."""
    name = condition["condition"]
    wanted = [v.lower() for v in condition.get("values") or []]
    if name == "IsEmpty":
        return value is None
    if name == "IsNotEmpty":
        return value is not None
    texts = [] if value is None else value if isinstance(value, list) else [value]
    if name == "Contains":
        return any(w in t.lower() for t in texts for w in wanted)
    if name == "DoesNotContain":
        return not any(w in t.lower() for t in texts for w in wanted)
    if name in ("Equals", "In"):
        return any(t.lower() in wanted for t in texts)
    dates = [t for t in texts if is_date(t)]
    if name == "After":
        return any(t > wanted[0] for t in dates)
    if name == "Before":
        return any(t < wanted[0] for t in dates)
    if name == "IsFuture":
        return any(t > today for t in dates)
    assert name == "IsPast", name
    return any(t < today for t in dates)


def typed(value: Any, kind: Kind) -> tuple[Any, bool]:
    """(value in canonical form, whether it did not fit its kind and became null)."""
    if value is None:
        return None, False
    if kind is Kind.DATE:
        return (value, False) if is_date(value) else (None, True)
    if kind is Kind.BOOLEAN:
        return ({"true": True, "false": False}[value], False) if value in ("true", "false") else (None, True)
    if kind in (Kind.SET, Kind.REFS):
        return sorted(set(value)) or None, False
    if kind is Kind.LIST:
        return list(value) or None, False
    if kind is Kind.USER_IDS:
        pairs = sorted({(v["type"] or "", v["identifier"] or "") for v in value})
        return [{"type": t or None, "identifier": i or None} for t, i in pairs] or None, False
    return value, False
