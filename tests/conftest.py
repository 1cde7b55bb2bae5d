"""What all tests share: hypothesis tries the same examples every time, and has no clock to fail by."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "controlplane", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("controlplane")
