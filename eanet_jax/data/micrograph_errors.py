"""Why an image file cannot be used, in one line without its path."""


class MicrographError(ValueError):
  """A file that cannot be used."""


class TooLargeError(MicrographError):
  """It takes more memory than there is, or than is allowed."""
