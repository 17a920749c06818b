"""kubectl roster: runs and decisions on a cluster, in the words of the local command.

`cluster.py` makes all requests. The cluster's objects hold no personal data, so there is none here.
"""
