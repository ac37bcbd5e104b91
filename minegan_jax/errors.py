"""What a user can get wrong, as opposed to what this project gets wrong."""

import errno

# What the system says of a disk or a network that fails, or of a path that cannot be used.
OF_THE_SYSTEM = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ENOTCONN),
    *(errno.ETIMEDOUT, errno.EREMOTEIO, errno.EBUSY, errno.ETXTBSY, errno.EMFILE, errno.ENFILE),
    *(errno.EEXIST, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENODEV, errno.ENXIO),
    *(errno.EOPNOTSUPP, errno.ENOTEMPTY),
)


class InputError(ValueError):
    """A mistake of the user: one line naming the thing, what was expected and what was found.

    The command line prints the line and exits with status 2; everything else is a bug and keeps
    its traceback. Where a line is not enough, `more` lines say what to do.
    """

    def __init__(self, line: str, *more: str) -> None:
        """Keeps the line, and those that follow it."""
        super().__init__(line)
        self.more = more


def explained(error: BaseException) -> str | None:
    """Returns the line or lines that answer a mistake of the user; None for what is none."""
    if isinstance(error, InputError):
        return "\n  ".join(map(one_line, (str(error), *error.more)))
    if isinstance(error, OSError) and error.errno in OF_THE_SYSTEM:
        where = "the disk" if error.filename is None else str(error.filename)
        return one_line(f"{where}: expected to read or write there, found: {error.strerror}")
    return None


def one_line(text: str) -> str:
    """Writes out the characters that would break a line, or that a terminal cannot show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
