"""What a user can get wrong, as opposed to what this project gets wrong."""


class InputError(ValueError):
    """A mistake of the user: one line naming the thing, what was expected and what was found.

    The command line prints the line and exits with status 2; everything else is a bug and keeps
    its traceback.
    """
