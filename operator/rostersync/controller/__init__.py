"""The operator: watches FocusConnections, SyncRuns, SyncApprovals and the Jobs it made, and takes runs on."""
