"""What can go wrong in the store; every message is one line for an operator."""

from __future__ import annotations

import errno
import os

from asterisk_privacy.errors import OperatorError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class AgeError(OperatorError):
    """Not an age file, not for these keys, or not the bytes that were written. Nothing was returned from it."""


class StoreFault(OperatorError):
    """The store cannot do it now: the disk, its rights, or another process stand in the way."""


class StoreFull(StoreFault):
    """No room left (disk, quota or file size limit). What was written stays unsealed."""


class Busy(StoreFault):
    """Somebody else holds it for now: nothing is wrong with the file, and the same works later."""


class BadFile(StoreFault):
    """This file cannot be used: it cannot be read, or is not the one of which its row tells. Others can."""


class BucketAway(StoreFault):
    """The bucket cannot be reached or does not let us in at all: nothing else need be tried there now."""


class Locked(StoreFault):
    """An object lock or a legal hold of the bucket stands on a version; it cannot be deleted before that ends."""


class BadRecordingId(OperatorError):
    """A recording id is 16 to 64 lowercase hexadecimal digits: random, so that no file name tells who called."""


def fault(place: object, doing: str, error: OSError) -> StoreFault:
    """The typed error for an OSError met while `doing` something at `place`, which its text names."""
    why = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return StoreFull(f"{place}: cannot {doing}, no room left ({why}); free space or raise the quota, calls go on unrecorded")
    return StoreFault(f"{place}: cannot {doing} ({why}); check that the disk is healthy and this user owns the directory")
