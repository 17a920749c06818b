"""The Lease of the leader: taken when it is free, renewed, and given back only where it is still this process's own."""

import asyncio
import copy

import pytest

from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.election import Election


class Leases:
    """One Lease, as an API server keeps it: a write needs the version that it saw."""

    def __init__(self, holder=None):
        self.lease, self.version = None, 0
        if holder is not None:
            self.keep(
                {"metadata": {"name": "operator"}, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15}}
            )

    def keep(self, lease):
        self.version += 1
        self.lease = copy.deepcopy(lease)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.lease)

    async def get(self, path):
        if self.lease is None:
            raise ApiError(404, "NotFound", "no Lease")
        return copy.deepcopy(self.lease)

    async def create(self, kind, namespace, lease):
        return self.keep(lease)

    async def put(self, path, lease):
        if lease["metadata"]["resourceVersion"] != str(self.version):
            raise ApiError(409, "Conflict", "it has moved")
        return self.keep(lease)

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"]


def ends(leases, between=lambda leases: None):
    """Lead with a free Lease, have something happen to it, and end as asked."""

    async def lead():
        election = Election(leases, "system", "operator", "me", lost=lambda: None)
        task = asyncio.create_task(election.run())
        await asyncio.wait_for(election.leading.wait(), 5)
        assert leases.holder == "me"
        between(leases)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(lead())


@pytest.mark.parametrize("holder", [None, ""], ids=["no Lease", "one that was given back"])
def test_a_leader_gives_its_lease_back(holder):
    leases = Leases(holder)
    ends(leases)

    assert (leases.holder, leases.lease["spec"]["leaseDurationSeconds"]) == ("", 1)


def test_a_lease_that_is_anothers_by_now_stays_theirs():
    leases = Leases()

    def taken(of):
        of.keep({**of.lease, "spec": of.lease["spec"] | {"holderIdentity": "other"}})

    ends(leases, taken)

    assert (leases.holder, leases.lease["spec"]["leaseDurationSeconds"]) == ("other", 15)


def test_a_lease_that_is_gone_is_not_made_again():
    leases = Leases()
    ends(leases, lambda of: setattr(of, "lease", None))

    assert leases.lease is None
