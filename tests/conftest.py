"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no counterexample: how long an example takes is measured in tests/benchmarks alone.
settings.register_profile("tokentape", deadline=None)
settings.load_profile("tokentape")
