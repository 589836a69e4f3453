"""What a request may take, and how one that may not is answered.

Imports nothing, for --help.
"""

import dataclasses

MB = 1_000_000


@dataclasses.dataclass(frozen=True)
class Limits:
  """What one request may take, and how many there may be.

  Attributes:
    file_mb, request_mb: millions of bytes of a file, and of a request.
    files: in a request.
    request_s: seconds from its first line to its answer.
    requests: with files, at once; others are sent away.
  """

  file_mb: float = 200.0
  request_mb: float = 1000.0
  files: int = 100
  request_s: float = 120.0
  requests: int = 8


class Refused(Exception):
  """A request that is not answered: an HTTP status and why, in one line."""

  def __init__(
    self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()
  ):
    """Takes the status, why, and headers that go with the status."""
    super().__init__(reason)
    self.status, self.reason, self.headers = status, reason, headers


def too_large(what: str, limit_mb: float) -> Refused:
  """Returns the refusal of a file or a request that is too large."""
  return Refused(413, f"{what} has more than the {limit_mb:g} MB allowed")
