"""The operator: watches connections, SyncRuns, SyncApprovals and its own Jobs, and carries runs out."""
