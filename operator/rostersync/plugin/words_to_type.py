"""What a page tells people to type next when they are on a cluster."""

from rostersync.render.words_to_type import Typed

RECORDS = "single records stay in the run's artifacts, out of the cluster's reach"


def typed(options: str) -> Typed:
    """`options` lead kubectl to the same cluster and namespace; they begin with a space, or are empty."""
    return Typed(
        look=f"{RECORDS}; the numbers are those above",
        approve=f'kubectl roster approve {{run}}{options} --reason "…"',
        reject=f'kubectl roster reject {{run}}{options} --reason "…"',
        rekeyed="",
        issues="",
        roster="",
        start=f"kubectl roster run CONNECTION{options}",
    )
