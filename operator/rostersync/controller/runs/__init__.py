"""One SyncRun: what is known of it, whether it is its turn, and what its Jobs and approvals say."""
