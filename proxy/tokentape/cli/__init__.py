"""The composition root: one module a command, and the hidden entry point of each process."""
