"""The commands of the local command line, one file for each group of them. Cheap to import: --help needs them all."""
