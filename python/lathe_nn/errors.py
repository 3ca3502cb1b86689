"""What goes wrong, and what stays with Keras."""


class LatheError(RuntimeError):
    """lathe or the C compiler failed; the message is theirs."""


class FallbackWarning(UserWarning):
    """A call of an accelerated model went to Keras; the message says why."""


class Unsupported(Exception):
    """The reason why a call goes to Keras: internal, it becomes a FallbackWarning."""
