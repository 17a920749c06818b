"""API objects as JSON or YAML, in the order that Kubernetes has."""

import json
from typing import Any

FORMATS = ("table", "json", "yaml")


def dump(data: object, form: str) -> str:
    """`data` as text that ends in a newline. `form` is json or yaml."""
    if form == "yaml":
        import yaml  # imported here, since --help does not need it

        plain = json.loads(json.dumps(data))  # PyYAML knows no enumerations
        text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=1000)
        return text
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def listing(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Objects as a Kubernetes List."""
    return {"apiVersion": "v1", "kind": "List", "items": items}
