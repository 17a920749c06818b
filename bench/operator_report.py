"""The operator's figures as rows: what was measured, beside the floor of the same run, the goal and whether it is met."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from operator_burst import Burst
from operator_crowd import Crowd
from operator_page import OPERATOR
from operator_rest import Rest

MIB = 1 << 20
JUDGED_RUNS, JUDGED_FINISHED, JUDGED_CONNECTIONS, JUDGED_CROWD = 1000, 10_000, 1000, 10_000
_RATIO, _SECONDS = 1.3, 15.0  # goals of a burst
HEADER = ("work", "measured", "against", "goal", "met")


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    runs: int
    finished: int
    connections: int

    @property
    def bursts_judged(self) -> bool:
        """Whether a burst is large enough to be held against the goals."""
        return self.runs >= JUDGED_RUNS

    @property
    def rest_judged(self) -> bool:
        """Whether so many finished runs are."""
        return self.finished >= JUDGED_FINISHED and self.connections >= JUDGED_CONNECTIONS


@dataclass
class Figures:
    """Everything that was measured."""

    size: Size
    floors: list[Burst] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    crowd: Crowd = field(default_factory=Crowd)
    rest: Rest = field(default_factory=Rest)
    approvals: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One line. `met` is None where nothing is judged."""

    work: str
    measured: str
    against: str = ""
    goal: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """As shown."""
        return (self.work, self.measured, self.against, self.goal, {None: "", True: "yes", False: "NO"}[self.met])


def rows(figures: Figures) -> Iterator[Row]:
    """All lines."""
    yield from _bursts(figures)
    if figures.crowd.beside:
        yield from _crowd(figures.crowd)
    yield from _rest(figures)
    if figures.approvals:
        worst = percentile(figures.approvals, 99)
        yield Row(
            f"from approve to the apply Job, {len(figures.approvals)} held runs, one after the other",
            f"p50 {_ms(median(figures.approvals))}, p99 {_ms(worst)}",
            "",
            "p99 < 15 s until applied",
            worst < 15,
        )


def _bursts(figures: Figures) -> Iterator[Row]:
    size, floors, bursts = figures.size, figures.floors, figures.bursts
    count, judged = size.runs, size.bursts_judged
    plain, taken = [f.seconds for f in floors], [b.seconds for b in bursts]
    yield Row(
        f"floor: {count:,} SyncRuns, Jobs and statuses by a bare client, {_rounds(floors)}",
        f"{_spread(plain)} s",
        f"{3 * count / median(plain):,.0f} writes/s",
    )
    fast = median(plain) * _RATIO <= _SECONDS  # on a slower machine not even the floor leaves room for that
    ratios = [b.seconds / f.seconds for f, b in zip(floors, bursts, strict=True)]
    yield Row(
        f"operator: {count:,} SyncRuns at once, until every Job and status is there",
        f"{_spread(taken)} s",
        f"{median(ratios):.2f} × the floor ({_list(ratios, '.2f')})",
        f"≤ {_RATIO} ×" + (f", ≤ {_SECONDS:.0f} s" if fast else f" (≤ {_SECONDS:.0f} s where the floor is faster)"),
        median(ratios) <= _RATIO and (max(taken) <= _SECONDS or not fast) if judged else None,
    )
    yield _exactness(bursts, count)
    client, floor = median(b.client for b in bursts) / count, median(f.client for f in floors) / count
    yield Row(
        "operator: CPU in the burst",
        f"{client * 1000:.2f} ms a run",
        f"{client / floor if floor else 0:.1f} × the bare client, which makes the runs too; stretch 1.5 ms",
    )
    server, least = median(b.server for b in bursts) / count, median(f.server for f in floors) / count
    yield Row(
        "control plane: CPU in the burst",
        f"{server * 1000:.2f} ms a run",
        f"{server / least if least else 0:.2f} × with the bare client",
    )
    after = [b.after for b in bursts]
    yield Row(
        f"the {after[0]['seconds']:.0f} s after the burst, in which nothing happens",
        f"operator {median(a['client'] for a in after):.1f} s of CPU, {median(a['reads'] for a in after):,.0f} reads",
        f"control plane {median(a['server'] for a in after):.1f} s of CPU",
    )
    peak = max(b.peak for b in bursts)
    yield Row("operator: peak memory in the burst", f"{peak // MIB} MiB", "stretch 100 MiB")
    half, worst = ([percentile(b.latencies, p) for b in bursts] for p in (50, 99))
    shares = [w / b.seconds for w, b in zip(worst, bursts, strict=True)]
    yield Row(
        "from a SyncRun to its Job, in the burst",
        f"p50 {_spread(half)} s, p99 {_spread(worst)} s",
        f"p99 {median(shares):.2f} × the burst's length",
        "≤ 1.0 ×",
        max(shares) <= 1.0 if judged else None,
    )


def _exactness(bursts: list[Burst], count: int) -> Row:
    """Judged at every size."""

    def each(key: str) -> float:
        return max(b.counts[key] for b in bursts) / count

    others = [b.counts["all"] - b.counts["jobs"] - b.counts["statuses"] - b.counts["connections"] for b in bursts]
    duplicates, lost = sum(b.duplicates for b in bursts), sum(b.lost for b in bursts)
    exact = all(b.counts["jobs"] == count == b.counts["statuses"] for b in bursts)
    failed, complaints = sum(b.counts["failed"] for b in bursts), sum(len(b.complaints) for b in bursts)
    return Row(
        "writes a run (the most of the rounds)",
        f"{each('jobs'):.2f} Jobs, {each('statuses'):.2f} statuses; {duplicates} duplicates, {lost} lost",
        f"{each('connections'):.2f} statuses of connections, {max(others) / count:.2f} others; {failed} requests refused, "
        f"{complaints} warnings logged",
        "2 writes; 0 duplicates, 0 lost",
        exact and not duplicates and not lost,
    )


def _crowd(crowd: Crowd) -> Iterator[Row]:
    judged = crowd.count >= JUDGED_CROWD
    alone, beside = ([percentile(v, p) for p in (50, 99)] for v in (crowd.alone, crowd.beside))
    among = f"{crowd.count:,} open runs of one connection"
    yield Row(
        f"{among}: from a SyncRun of another one to its Job, {len(crowd.beside)} runs one after the other",
        f"p50 {_ms(beside[0])}, p99 {_ms(beside[1])}",
        f"p50 {_ms(alone[0])}, p99 {_ms(alone[1])} without them",
        f"p99 ≤ {_RATIO} × + 100 ms",
        beside[1] <= _RATIO * alone[1] + 0.1 if judged else None,
    )
    yield Row(
        f"{among}: what they take",
        f"{crowd.statuses / crowd.count:.2f} statuses a run; {crowd.cpu / crowd.count * 1000:.2f} ms of CPU",
        f"at rest {crowd.settled:.0f} s after the last; peak {crowd.peak // MIB} MiB",
        "≤ 1.1 statuses",
        crowd.statuses <= 1.1 * crowd.count + 2 * len(crowd.beside) if judged else None,
    )


def _rest(figures: Figures) -> Iterator[Row]:
    rest, size = figures.rest, figures.size
    judged = size.rest_judged

    def verdict(met: bool) -> bool | None:
        return met if judged else None

    among = f"{size.finished:,} finished runs, {size.connections:,} connections"
    yield Row(
        f"{among}: from start to ready",
        f"{rest.ready:.2f} s",
        f"{rest.start:.1f} s of CPU until it rests",
        "≤ 6 s",
        verdict(rest.ready <= 6),
    )
    yield Row(f"{among}: from start to the first new Job", f"{rest.job:.2f} s", "stretch 3 s")
    yield Row(
        f"{among}: memory",
        f"peak {rest.peak // MIB} MiB, at rest {rest.resident // MIB} MiB",
        "stretch 120 MiB",
        "≤ 250 MiB",
        verdict(rest.peak <= 250 * MIB),
    )
    yield Row(f"{among}: idle CPU", f"{rest.idle:.2%} of one core", "", "≤ 0.5 %", verdict(rest.idle <= 0.005))
    if rest.singles:
        yield Row(
            f"{among}: from a SyncRun to its Job, {len(rest.singles)} runs one after the other",
            f"p50 {_ms(median(rest.singles))}, p99 {_ms(percentile(rest.singles, 99))}",
            "stretch 30 and 100 ms",
        )


def percentile(values: list[float], share: int) -> float:
    """The smallest value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * share // 100), 1) - 1]


def section(figures: Figures, notes: list[str], machine: str) -> str:
    """The part of the page."""
    size = figures.size
    holds = (
        f"{size.runs:,} SyncRuns at once, {size.finished:,} finished runs, {size.connections:,} connections. "
        f"Machine: {machine}."
    )
    table = ["| " + " | ".join(cells) + " |" for cells in (HEADER, ("---",) * len(HEADER), *_cells(figures))]
    text = "\n".join([HEAD, "", " ".join(filter(None, [holds, *notes])), "", *table])
    return OPERATOR.marked(text)


def _cells(figures: Figures) -> Iterator[tuple[str, ...]]:
    for row in rows(figures):
        yield row.cells()


HEAD = """## The operator

Generated by `make bench-operator` (`bench/operator_run.py`).

A control plane without nodes (etcd, kube-apiserver, kube-controller-manager) shares the machine's cores with the operator
and the client. The floor is a bare client that makes the same SyncRuns, the same Jobs and writes the same statuses, 16
requests at a time; floor and operator take turns, each in a fresh namespace, and are compared within one round. Medians of
the rounds, with the least and the most. The stretch is what a watch loop without kopf reached. Goals of speed are judged from
1,000 SyncRuns and 10,000 finished ones with 1,000 connections on; counts always."""


def _rounds(bursts: list[Burst]) -> str:
    return f"{len(bursts)} round{'' if len(bursts) == 1 else 's'}"


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f}" + (f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else "")


def _list(values: list[float], form: str) -> str:
    return ", ".join(format(v, form) for v in values)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
