"""One file per command. What is not needed for --help is imported when a command runs."""
