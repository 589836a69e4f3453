"""Exceptions that end a command: a user's mistake, and a signal to stop."""


class UserError(Exception):
  """Something a user can mend; its text says what is wrong and what to do.

  `eanet` and launch.py print the text as one line and exit with code 2.
  """


def reason(error: OSError) -> str:
  """Returns why a file could not be used, with its name if it is known."""
  why = error.strerror or str(error)
  return f"{error.filename}: {why}" if error.filename else why


class Stopped(Exception):
  """A signal asked the run to stop, and its progress is saved."""

  def __init__(self, signal: int):
    """Takes the number of the signal."""
    super().__init__(f"stopped by signal {signal}")
    self.signal = signal
