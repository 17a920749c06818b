"""No word of a connection becomes SQL text: it reaches the engine through the expression API, as a bound constant.

The rule is checked by following configuration through the source (support/sql_lint.py); the examples below prove that
it bites.
"""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from support.sql_lint import findings, sql_expressions

PACKAGE = Path(__file__).parents[2] / "operator" / "rostersync"
SQL_MAKERS = (
    "hold",
    "plan",
    "reading",
    "stores",
    "sync",
    "tables",
    "deliveries",
)  # the parts that make statements out of pieces
SPEAK_NO_SQL = (  # they name things for people and clusters, and give nothing to an engine
    "deliveries/bundle.py",
    "deliveries/directory.py",
    "deliveries/object_storage.py",
    "deliveries/parts.py",
    "deliveries/sftp/failures.py",
    "deliveries/sftp/host_keys.py",
    "deliveries/sftp/login.py",
    "deliveries/sftp/server.py",
    "deliveries/sftp/session.py",
    "plan/points.py",
    "stores/embedded/kind.py",
    "stores/kind.py",
    "stores/placement.py",
    "stores/postgres/addresses.py",
    "stores/postgres/failures.py",
    "stores/postgres/kind.py",
    "stores/postgres/login.py",
    "stores/postgres/sentences.py",
    "stores/registry.py",
)
HEAD = """
    from duckdb import ColumnExpression, ConstantExpression, Expression
    from rostersync.api.v1alpha1.filters import FilterRule
    from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
    from rostersync.api.v1alpha1.requirements import DataRequirement
    from rostersync.sync.expressions import const
    class Context:
        con: Connection
        spec: FocusConnectionSpec
        prefix: str
        as_of: datetime
    class Rule:
        number: int
        requirement: DataRequirement
        note: str
        @property
        def flag(self) -> str: return f"_rule_{self.number}"
    class Table:
        name: str
"""


def sources(*parts: str) -> dict[str, str]:
    """The package's own source by file name."""
    return {
        path.relative_to(PACKAGE).as_posix(): path.read_text()
        for part in parts
        for path in sorted((PACKAGE / part).rglob("*.py"))
        if path.relative_to(PACKAGE).as_posix() not in SPEAK_NO_SQL
    }


def found(example: str) -> list[str]:
    """What is found in a function's body, among the names of HEAD."""
    body = indent(dedent(example).strip(), "    ")
    return findings({"example.py": dedent(HEAD) + f"def stage(context: Context, table: Table) -> None:\n{body}\n"})


def test_no_configuration_becomes_sql() -> None:
    assert findings(sources(*SQL_MAKERS)) == []


def test_no_file_uses_sql_expressions() -> None:
    assert sql_expressions(sources(".")) == []


def test_the_rule_looks_at_the_files_that_matter() -> None:
    """An empty answer must not come from an empty question."""
    looked_at = sources(*SQL_MAKERS)
    assert {"sync/require.py", "sync/mapping.py", "sync/filters.py", "stores/embedded/reader.py"} <= looked_at.keys()
    assert sum("spec." in text for text in looked_at.values()) > 5


@pytest.mark.parametrize("name", SPEAK_NO_SQL)
def test_what_is_left_out_knows_no_engine(name: str) -> None:
    text = (PACKAGE / name).read_text()
    assert not [word for word in ("import duckdb", "statements", "execute", ".sql(") if word in text]


@pytest.mark.parametrize(
    "example",
    [
        'context.sql(f"SELECT * FROM a WHERE x = {context.prefix}")',
        'context.sql("SELECT * FROM a WHERE x = \'" + context.prefix + "\'")',
        'context.sql("SELECT * FROM a WHERE x = %s" % context.prefix)',
        'context.sql("SELECT * FROM a WHERE x = {}".format(context.prefix))',
        "context.con.execute(f\"SET TimeZone = '{context.spec.timeZone}'\")",
        "context.sql(context.spec.sisIDPrefix)",
        """
        for entry in context.spec.attributesMapping:
            context.sql(f"SELECT {entry.attribute} FROM a")
        """,
        """
        names = ", ".join(d for domain in context.spec.domainsOfUniqueness for d in domain.attributes)
        context.sql(f"SELECT {names} FROM a")
        """,
        """
        rules = [Rule(i, r, "") for i, r in enumerate(context.spec.dataRequirements)]
        for rule in rules:
            text = f"SELECT {rule.requirement.attribute} FROM a"
        """,
        """
        def part(key: str) -> str:
            return f"m[{key}]"
        for entry in context.spec.attributesMapping:
            part(entry.attribute)
        """,
        """
        def name_of(rule: FilterRule) -> str:
            return rule.conditions[0].values[0]
        text = f"SELECT {name_of(context.spec.filterRules[0])} FROM a"
        """,
        """
        rule = Rule(1, context.spec.dataRequirements[0], context.spec.sisIDPrefix)
        context.sql(f"SELECT 1 -- {rule.note}")
        """,
        """
        def quoted(value: str) -> str:
            return "'" + value.replace("'", "''") + "'"
        context.sql("SELECT 1 FROM a WHERE b = " + quoted(context.prefix))
        """,
        """
        match context.spec.dataRequirements[0].default:
            case str() as text:
                context.sql(f"SELECT '{text}'")
        """,
        """
        parts = []
        for rule in context.spec.dataRequirements:
            parts.append(("x", rule.attribute))
        for broken, attribute in parts:
            context.sql(f"SELECT {attribute} FROM a WHERE {broken}")
        """,
        """
        parts = []
        parts.append(("x", context.prefix))
        context.sql(", ".join(f"{n} AS {part[1]}" for n, part in enumerate(parts)))
        """,
        """
        names = {}
        names[1] = context.prefix
        context.sql(f"SELECT {names}")
        """,
        """
        parts = []
        parts.append(context.prefix)
        context.sql(" ".join(parts))
        """,
        """
        with open("x") as file:
            context.sql(f"SELECT {context.spec.schoolsMapping.exclude}")
        """,
    ],
)
def test_configuration_in_sql_is_found(example: str) -> None:
    assert found(example) != []


@pytest.mark.parametrize(
    "example", ["from duckdb import SQLExpression as X", "X = duckdb.SQLExpression(text)", "SQLExpression(text)"]
)
def test_sql_expressions_are_found(example: str) -> None:
    assert sql_expressions({"example.py": example}) == ["example.py:1"]


@pytest.mark.parametrize(
    "example",
    [
        'context.sql(f"SELECT * FROM staged_{table.name}")',
        'context.con.execute("SET VARIABLE p = ?", [context.prefix])',
        """
        for rule in [Rule(i, r, "") for i, r in enumerate(context.spec.dataRequirements)]:
            context.sql(f"SELECT count(*) FROM a WHERE {rule.flag}")
        """,
        """
        for domain in context.spec.domainsOfUniqueness:
            names = [f"k{i}" for i in range(len(domain.attributes))]
            context.sql(f"SELECT {', '.join(names)} FROM a WHERE entity = '{domain.entity.value}'")
        """,
        """
        for rule in context.spec.filterRules:
            context.con.view("a").filter(ColumnExpression("entity") == const(rule.conditions[0].values[0]))
        """,
        """
        parts = []
        for rule in context.spec.dataRequirements:
            parts.append(("x", rule.attribute))
        for broken, attribute in parts:
            context.con.execute(f"SELECT ? FROM a WHERE {broken}", [attribute])
        """,
        """
        if context.spec.bulkUploadMode:
            raise ValueError(f"{context.spec.serviceURL} is not what was meant")
        """,
        'context.sql(f"SELECT {1 if context.spec.bulkUploadMode else 2}")',
    ],
)
def test_what_is_allowed_is_not_found(example: str) -> None:
    assert found(example) == []
