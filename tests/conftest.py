"""What every test stands on."""

import os

from hypothesis import HealthCheck, settings

# Timing is never asserted, so no example has a deadline and a slow machine fails nothing.
settings.register_profile(
    "house",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("night", parent=settings.get_profile("house"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
