"""Random tests here import and compile large libraries on their first example: no deadline for one."""

from hypothesis import settings

settings.register_profile("okube", deadline=None)
settings.load_profile("okube")
