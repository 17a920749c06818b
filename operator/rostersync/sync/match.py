"""Match: Domains of Uniqueness. Records of one source that share a domain are Duplicates, held back on both sides.

Reads `required_<table>`, writes `duplicates_<table>` (id) for tables that have a domain. A record with a null in a domain takes no part in it; only
records that are accepted so far do. Values compare canonical and in lower case.
"""

from duckdb import ColumnExpression, Expression
from duckdb import FunctionExpression as Fn

from rostersync.api.v1alpha1.uniqueness import Domain
from rostersync.roster import BY_ENTITY, Table
from rostersync.sync.context import Context, progress_of
from rostersync.sync.expressions import VARCHAR, const, is_list, read


def match(context: Context) -> None:
    """Find the duplicates of every table."""
    if not context.spec.compareByDomainsOfUniqueness:
        return
    by_table: dict[Table, list[Domain]] = {}
    for domain in context.spec.domainsOfUniqueness:
        if domain.entity in context.taken:
            by_table.setdefault(BY_ENTITY[domain.entity], []).append(domain)
    for table, domains in by_table.items():
        progress_of(context, "match", table)
        context.sql(f"CREATE OR REPLACE TEMP TABLE duplicates_{table.name} (id VARCHAR)")
        for domain in domains:
            _find(context, table, domain)
        if context.exists(f"duplicates_{table.name}"):
            context.duplicated.add(table.name)


def _find(context: Context, table: Table, domain: Domain) -> None:
    accepted = context.con.view(f"required_{table.name}").filter(
        (ColumnExpression("entity") == const(domain.entity.value)) & ColumnExpression("fate").isnull()
    )
    names = [f"k{i}" for i in range(len(domain.attributes))]
    keys = [_key(table, a).alias(n) for n, a in zip(names, domain.attributes, strict=True)]
    accepted.project(ColumnExpression("id"), *keys).create_view("domain_keys", replace=True)
    present = " AND ".join(f"{n} IS NOT NULL" for n in names)
    context.sql(f"""
        INSERT INTO duplicates_{table.name}
        SELECT id FROM domain_keys WHERE {present}
        QUALIFY count(*) OVER (PARTITION BY {", ".join(names)}) > 1
    """)


def _key(table: Table, attribute: str) -> Expression:
    value = read(table, attribute)
    if is_list(table, attribute):
        value = Fn("array_to_string", value, const("\x1f"))
    return Fn("lower", value.cast(VARCHAR))
