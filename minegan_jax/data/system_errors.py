"""Tells a file that the system could not read from one that is damaged."""

import errno

from minegan_jax.errors import InputError

# Pillow's own errors have no number; the others are of places outside a file, as damage names them.
OF_CONTENT = (None, errno.EINVAL, errno.EOVERFLOW)


def is_of_the_system(error: BaseException) -> bool:
    """Says whether an error is of a disk, a network or a right, not of a file's content."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, OSError) and error.errno not in OF_CONTENT


def unread(name: str, error: BaseException) -> InputError:
    """Says that a file may be whole, but was not read: that stops a run, whatever it may skip."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputError(f"{name}: expected a file that can be read, found an error: {reason}")
