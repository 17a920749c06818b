"""Where plans live: a folder on a volume, or a bucket with a folder in front of it."""
