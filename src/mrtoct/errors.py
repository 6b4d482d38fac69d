"""What a user, or a user's file, did wrong: one sentence each, shown without a traceback.

Library code raises these; the command line prints the message and exits with status 1. A message
names what was received, what is allowed and, where there is one, the file.
"""


class MrtoctError(Exception):
    """Base of every error that the person running mrtoct can do something about."""


class FileError(MrtoctError):
    """A file is missing, unreadable, damaged, of an unknown kind, or already there."""


class GeometryError(MrtoctError):
    """A grid, spacing, orientation or overlap that cannot be right."""


class ValueRangeError(MrtoctError):
    """Voxels or parameters outside what they can mean (NaN, constant volume, wrong unit)."""


class RecipeError(MrtoctError):
    """A recipe with an unknown key or an impossible value."""


class BundleError(MrtoctError):
    """A trained translator on disk that is incomplete or damaged."""


class RegistrationError(MrtoctError):
    """Two volumes that cannot be brought together."""


class CohortError(MrtoctError):
    """A cohort, store or split that cannot be used as asked."""
