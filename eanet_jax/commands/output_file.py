"""The file that a command will write, checked before its work."""

import pathlib

from eanet_jax import errors


def check(out: pathlib.Path) -> None:
  """Raises UserError now, not after the work, if `out` cannot be written."""
  if not out.absolute().parent.is_dir():
    raise errors.UserError(f"--out={out}: there is no folder {out.parent}")
  if out.is_dir():
    raise errors.UserError(f"--out={out} is a folder: name a file in it")
