"""What to type next on a cluster."""

from rostersync.plugin.words_to_type import typed


def test_what_is_typed_leads_to_the_same_cluster():
    words = typed(" -n rosters --context prod")

    assert words.approve.format(run="r") == 'kubectl roster approve r -n rosters --context prod --reason "…"'
    assert words.start == "kubectl roster run CONNECTION -n rosters --context prod"
    assert "diff" not in words.look
    assert "out of the cluster's reach" in words.look
