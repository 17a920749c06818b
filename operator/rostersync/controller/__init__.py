"""The operator: watches connections, SyncRuns, SyncApprovals and the Jobs it made, and takes runs on."""
