"""What one attempt does, the same for the command line and for a Job: plan, apply, deliver, check, purge."""
