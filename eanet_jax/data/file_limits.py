"""What reading one image file may take; imports nothing, for --help."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
  """What one image file may take.

  Attributes:
    gb: of memory beside the process's own, in 2^30 bytes. Enforced on Linux;
      elsewhere it limits the number of pixels alone.
    s: seconds of a processor. By the clock it is five times as long, so that a
      busy machine leaves out no sound file; on Windows there is only that.
    option: how a user sets them, with {} for "gb" or "s".
  """

  gb: float = 1.0
  s: float = 10.0
  option: str = "dataset.file_limit_{}"
