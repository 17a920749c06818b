"""The figures as rows: what was measured, beside its floor or peer of the same run and the target."""

from collections.abc import Iterator
from dataclasses import dataclass

from meter import Measured
from operator_page import placed, split
from sizes import MIB, SIZES, Bench

FIRST, SAME, NEXT = "first import", "no change", "next day"


@dataclass(frozen=True)
class Row:
    """One line. `met` is None where there is no target for this size."""

    work: str
    measured: Measured
    records: int | None = None
    seconds: float | None = None  # of the work itself, where the process did more than it
    against: str = ""
    target: str = ""
    met: bool | None = None
    cpu: float | None = None  # CPU seconds of the work itself, where `measured` has those of more

    @property
    def wall(self) -> float:
        """Seconds of the work."""
        return self.measured.wall if self.seconds is None else self.seconds

    def cells(self) -> tuple[str, ...]:
        """As shown."""
        met = {None: "", True: "yes", False: "NO"}[self.met]
        enforced = f" of {self.measured.enforced // MIB}" if self.measured.enforced else ""
        return (
            self.work,
            f"{self.wall:,.2f}",
            f"{self.measured.result.get('cpu', self.measured.cpu) if self.cpu is None else self.cpu:,.2f}",
            f"{self.measured.peak // MIB:,}{enforced}",
            f"{self.records / self.wall:,.0f}" if self.records and self.wall else "",
            self.against,
            self.target,
            met,
        )


HEADER = ("work", "wall s", "CPU s", "peak MiB", "records/s", "against", "target", "met")


def rows(bench: Bench, got: dict[str, Measured]) -> Iterator[Row]:
    """All lines of one size, from what was measured under each name."""
    large, judged = bench.name == "1M", bench.name in ("100k", "1M")

    def verdict(value: float, limit: float, *, at_least: bool = False) -> bool | None:
        return (value >= limit if at_least else value <= limit) if judged else None

    def ratio(value: float, floor: float) -> float:
        return value / floor if floor else 0.0

    decode = got["floor decode"]
    yield Row("floor: enrolment pages to Parquet", decode, decode.result["records"], decode.result["wall"])
    extract = got["extract"]
    rate = extract.result["records"] / extract.result["wall"]
    floor = decode.result["records"] / decode.result["wall"]
    yield Row(
        "extract, all collections",
        extract,
        extract.result["records"],
        extract.result["wall"],
        f"{rate / floor:.2f} of the floor's rate",
        "≥ 0.5 of it (200,000 records/s where it is 400,000)",
        verdict(rate, min(200_000, floor / 2), at_least=True),
    )
    if "extract slow" in got:
        slow = got["extract slow"]
        least = slow.result["requests"] * slow.result["latency"] / slow.result["concurrency"]
        yield Row(
            f"extract, {slow.result['latency'] * 1000:.0f} ms latency, {slow.result['concurrency']} at once, "
            f"token life {slow.result['token_life']:.0f} s",
            slow,
            slow.result["records"],
            slow.result["wall"],
            f"{ratio(slow.result['wall'], least):.2f} × requests × latency / concurrency; "
            f"{slow.result['tokens']} tokens, {slow.result['unauthorised']} pages refused",
            "≤ 1.1 ×, no page refused",
            slow.result["wall"] <= 1.1 * least and not slow.result["unauthorised"] if judged else None,
        )
    if "extract bursts" in got:
        bursts = got["extract bursts"]
        times = ratio(bursts.result["requests"], extract.result["requests"])
        yield Row(
            f"extract, {bursts.result['burst']} of every 100 pages fail in a row (503)",
            bursts,
            bursts.result["records"],
            bursts.result["wall"],
            f"{bursts.result['requests']:,} requests, {bursts.result['failed']:,} failed: {times:.2f} × those of a good server",
            "≤ 1.2 ×, read whole",
            times <= 1.2 and bursts.result["complete"] and bursts.result["failed"] > 0 if judged else None,
        )
    join = got["floor join"]
    yield Row("floor: (id, hash) full outer join", join, join.result["records"], join.result["wall"])
    plan = got[f"plan {NEXT}"]
    compare = plan.result["stages"]["compare"]
    times = ratio(compare["cpu"], join.result["cpu"])
    hashed = join.result["cpu"] + join.result["hashing"]["cpu"]
    yield Row(
        "compare, next day (enrolments while they are linked)",
        plan,
        plan.result["records"],
        compare["wall"],
        f"{times:.1f} × the join's CPU",
        "≤ 1.5 ×",
        verdict(times, 1.5),
        compare["cpu"],
    )
    for day in (FIRST, SAME, NEXT):
        one = got[f"plan {day}"]
        times = ratio(one.result["cpu"], join.result["cpu"])
        target = "≤ 6 ×" if day == NEXT else "≤ 60 s CPU" if day == SAME and large else ""
        met = verdict(times, 6) if day == NEXT else one.cpu <= 60 if target else None
        yield Row(
            f"plan from staged Parquet, {day}",
            one,
            one.result["records"],
            one.result["wall"],
            f"{times:.1f} × the join's CPU, {ratio(one.result['cpu'], hashed):.1f} × when it makes the new hashes too; {_stages(one)}",
            target,
            met,
        )
    for day in (FIRST, SAME, NEXT):
        hand, job = got[f"floor script {day}"], got[f"job {day}"]
        yield Row(f"floor: script for the whole plan, {day}", hand, hand.result["records"], hand.result["wall"])
        times = ratio(job.result["wall"], hand.result["wall"])
        memory = f"within {job.enforced // MIB:,} MiB" if job.enforced else ""
        yield Row(
            f"whole plan (extract and plan), {day}",
            job,
            job.result["records"],
            job.result["wall"],
            f"{times:.2f} × the script; {ratio(job.result['cpu'], hand.result['cpu']):.2f} × its CPU",
            ", ".join(filter(None, ["≤ 1.3 ×, within 180 s" if large else "", memory])),
            (not large or (times <= 1.3 and job.wall <= 180)) if judged and (large or memory) else None,
        )
    replace = got["floor replace"]
    yield Row("floor: delete and insert of wide rows", replace, replace.result["records"], replace.result["wall"])
    for day in (FIRST, NEXT):
        apply = got[f"apply {day}"]
        rate = apply.result["records"] / apply.result["wall"]
        yield Row(
            f"apply, embedded, {day}",
            apply,
            apply.result["records"],
            apply.result["wall"],
            f"{rate * replace.result['wall'] / replace.result['records']:.2f} of the floor's rate",
            "≥ 100,000 records/s" if day == FIRST else "",
            verdict(rate, 100_000, at_least=True) if day == FIRST else None,
        )
    floor_bundle, bundle = got["floor bundle"], got["bundle"]
    active = got[f"plan {NEXT}"].result["records"]
    yield Row("floor: Parquet to CSV by DuckDB alone, then zip", floor_bundle, active, floor_bundle.result["wall"])
    times = ratio(bundle.result["wall"], floor_bundle.result["wall"])
    by_cpu = ratio(bundle.result["cpu"], floor_bundle.result["cpu"])
    yield Row(
        "write a bulk bundle and zip it",
        bundle,
        active,
        bundle.result["wall"],
        f"{times:.2f} × the floor; {by_cpu:.2f} × its CPU",
        "≤ 1.5 ×",
        verdict(times, 1.5),
    )
    yield from _peers(got, judged)


def postgres_rows(bench: Bench, got: dict[str, Measured]) -> Iterator[Row]:
    """Each beside the same work by hand, and all of it beside the embedded store."""
    judged = bench.name in ("100k", "1M")

    def took(kind: str, *names: str) -> float:
        return sum(float(got[name].result[kind]) for name in names)

    def cpu(*names: str) -> float:
        return took("cpu", *names) + took("server", *names)

    def beside(work: str, names: tuple[str, ...], of: tuple[str, ...], what: str, limit: float) -> Row:
        wall, floor = took("wall", *names), took("wall", *of)
        against = f"{wall / floor:.2f} × {what}; {cpu(*names) / cpu(*of):.2f} × its CPU"
        met = wall <= limit * floor if judged else None
        one = got[names[0]]
        return Row(work, one, one.result["records"], wall, against, f"≤ {limit:.1f} ×", met, cpu(*names))

    def floor(work: str, name: str, records: int) -> Row:
        return Row(f"floor: psql, {work}", got[name], records, took("wall", name), cpu=cpu(name))

    by_hand = {FIRST: "COPY of its rows into the same tables with indexes", NEXT: "its changes by one transaction"}
    for day in (FIRST, NEXT):
        apply, hand = f"pg apply {day}", f"pg floor {day}"
        yield floor(f"{day}: {by_hand[day]}", hand, got[apply].result["records"])
        yield beside(f"apply, PostgreSQL, {day}", (apply,), (hand,), "psql", 2.0)
    yield floor("COPY … TO STDOUT of the roster", "pg floor read", got["pg read"].result["records"])
    yield beside("read the base, PostgreSQL", ("pg read",), ("pg floor read",), "psql", 1.5)
    for day in (FIRST, NEXT):
        both = tuple(f"pg {work} {day}" for work in ("plan", "apply"))
        embedded = tuple(f"again {work} {day}" for work in ("plan", "apply"))
        what = f"the embedded store's {took('wall', *embedded):.2f} s"
        yield beside(f"plan and apply, PostgreSQL, {day}", both, embedded, what, 1.5)


def _peers(got: dict[str, Measured], judged: bool) -> Iterator[Row]:
    first = got[f"job {FIRST}"].result, got[f"apply {FIRST}"].result
    ours = first[0]["records"] / (first[0]["wall"] + first[1]["wall"])
    again = got[f"job {SAME}"].result
    for peer, limit in (("arrow", 20), ("dicts", 50)):
        if f"peer {peer}" not in got:
            continue
        one = got[f"peer {peer}"]
        load, merge = (one.result["records"] / one.result[k] for k in ("load", "merge"))
        label = f"peer: dlt {one.result['version']} reading {peer}"
        yield Row(
            f"{label}, first load",
            one,
            one.result["records"],
            one.result["load"],
            f"rostersync's first import, applied: {ours / load:.0f} × its rate",
            f"≥ {limit} ×",
            ours / load >= limit if judged else None,
        )
        same = again["records"] / again["wall"]
        yield Row(
            f"{label}, merge of the same",
            one,
            one.result["records"],
            one.result["merge"],
            f"rostersync's run without change: {same / merge:.0f} × its rate",
            f"≥ {limit} ×",
            same / merge >= limit if judged else None,
        )


def _stages(one: Measured) -> str:
    spent = sorted(one.result["stages"].items(), key=lambda item: -item[1]["wall"])
    return ", ".join(f"{name} {took['wall']:.2f} s" for name, took in spent[:4])


HEAD = """# Benchmarks

Generated by `make bench` (`python bench/run.py --size 10k|100k|1M [--only postgres]`); do not edit.

Floors are the same work done by hand (`bench/floors.py`), peers other tools on the same pages, all in the same run;
pages come from a server that copies rendered bytes. Seconds and CPU seconds are those of the work itself; the start of a
process, about a second of CPU, comes on top. Peak is the largest resident set of the process and of one beside it, `of N` the
memory limit in MiB that a cgroup enforced for both. Targets are judged from 100k users on: below, fixed costs decide.

PostgreSQL runs on the same machine, over TLS, and vacuums between the days and not while something is measured. Its store, the
same work by psql and the embedded store take turns; each figure is the median of three rounds (of one with 1M users). CPU seconds
are those of client and server together."""


def _table(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def sections_of(text: str) -> dict[str, str]:
    """The sections of such a page by heading, as text: another size is measured another day."""
    return {part.split("\n", 1)[0]: part.rstrip() for part in text.split("\n## ")[1:]}


def updated(page: str, heading: str, holds: str, table: list[Row], machine: str) -> str:
    """The page with this section measured anew and the rest as it was, each with the machine it was made on."""
    page, operator = split(page)
    lines = [f"## {heading}", "", f"{holds} Machine: {machine}.", "", _table(HEADER), _table(["---"] * len(HEADER))]
    lines += [_table(row.cells()) for row in table]
    sections = {**sections_of(page), **sections_of("\n" + "\n".join(lines))}
    order = [made for name in SIZES for made in (engine_heading(name), postgres_heading(name))]
    engine = "\n\n".join([HEAD, *(f"## {sections[name]}" for name in order if name in sections)])
    return placed(engine, operator)


def engine_heading(size: str) -> str:
    """Of the section about everything but PostgreSQL."""
    return f"{size} users"


def postgres_heading(size: str) -> str:
    """Of the section about PostgreSQL."""
    return f"{size} users, PostgreSQL"
