"""One file per command of `kubectl roster`. What is not needed for --help is imported when a command runs."""
