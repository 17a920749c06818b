"""Match: Domains of Uniqueness. Records of one source that share a domain are Duplicates, held back on both sides.

Reads `required_<table>`, writes `duplicates_<table>` (id) for tables that have a domain. Records with a null in a
domain take no part in it, and neither do records that are already not accepted. Values compare in canonical form and
lower case.
"""

from dataclasses import dataclass

from duckdb import ColumnExpression

from rostersync.api.v1alpha1.uniqueness import Domain
from rostersync.roster import Table
from rostersync.sync.expressions import const, domain_key
from rostersync.tables.context import Context


@dataclass(frozen=True)
class Matched:
    """The tables with records that share a domain of uniqueness."""

    duplicated: frozenset[str]


def match(context: Context) -> Matched:
    """Find the duplicates of every table."""
    duplicated: set[str] = set()
    domains = context.spec.domainsOfUniqueness if context.spec.compareByDomainsOfUniqueness else ()
    for table in context.tables:
        context.begin("match", table)
        mine = [d for d in domains if d.entity in context.taken and d.entity in table.entities]
        if mine:
            context.sql(f"CREATE OR REPLACE TEMP TABLE duplicates_{table.name} (id VARCHAR)")
        for domain in mine:
            _find(context, table, domain)
        if mine and context.exists(f"duplicates_{table.name}"):
            duplicated.add(table.name)
    return Matched(frozenset(duplicated))


def _find(context: Context, table: Table, domain: Domain) -> None:
    accepted = context.con.view(f"required_{table.name}").filter(
        (ColumnExpression("entity") == const(domain.entity.value)) & ColumnExpression("fate").isnull()
    )
    names = [f"k{i}" for i in range(len(domain.attributes))]
    keys = [domain_key(table, a).alias(n) for n, a in zip(names, domain.attributes, strict=True)]
    accepted.project(ColumnExpression("id"), *keys).create_view("domain_keys", replace=True)
    present = " AND ".join(f"{n} IS NOT NULL" for n in names)
    context.sql(f"""
        INSERT INTO duplicates_{table.name}
        SELECT id FROM domain_keys WHERE {present}
        QUALIFY count(*) OVER (PARTITION BY {", ".join(names)}) > 1
    """)
