"""What all tests share."""

import os
import sysconfig

from hypothesis import HealthCheck, settings

# The same examples every time, and no clock to fail by.
settings.register_profile(
    "controlplane", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("controlplane")

# The environment's programs, kubectl or nbgrader's alembic, are found without the environment being activated.
os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
