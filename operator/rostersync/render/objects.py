"""API objects as JSON or YAML, in the order that people know from Kubernetes."""

import json
from typing import Any

FORMATS = ("table", "json", "yaml")


def dump(data: object, form: str) -> str:
    """`data` as text ending in a newline. `form` is json or yaml."""
    if form == "yaml":
        import yaml  # only here: --help needs none of it

        plain = json.loads(json.dumps(data))  # PyYAML knows no enumerations
        text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1000)
        return text
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def listing(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Objects as a Kubernetes List."""
    return {"apiVersion": "v1", "kind": "List", "items": items}
