"""The one error of the local stack. Its text is for the person at the shell and names the way out."""


class StackError(Exception):
    """The stack cannot go on; the message says which part, why, and where its log is."""
