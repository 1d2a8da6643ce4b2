"""The command ``minictl``: options in, library calls, tables and exit codes out."""
