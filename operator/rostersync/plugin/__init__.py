"""kubectl roster: runs and decisions on a cluster, in the words of the local command.

`cluster.py` does all requests; what to show, to decide and to say is pure. There is no personal data in the cluster's
objects, so there is none here.
"""
