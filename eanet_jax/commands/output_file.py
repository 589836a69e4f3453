"""The file that a command will write, checked before its work."""

import pathlib

from eanet_jax import errors


def check(
  out: pathlib.Path, *, whole: bool = False, option: str = "--out"
) -> None:
  """Raises UserError now, not after the work, if `out` cannot be written.

  Args:
    out: what the option names; a file that exists is not changed.
    whole: the file is written at the end and replaces what is there, so that
      it must not be a device or a pipe.
    option: for the message.
  """
  if not out.absolute().parent.is_dir():
    raise errors.UserError(f"{option}={out}: there is no folder {out.parent}")
  if out.is_dir():
    raise errors.UserError(f"{option}={out} is a folder: name a file in it")
  if out.exists() and not out.is_file():
    if whole:
      raise errors.UserError(
        f"{option}={out} is a device or a pipe: name a file, to be written"
        " whole"
      )
    return
  new = not out.exists()
  try:
    with out.open("ab"):
      pass
  except OSError as error:
    raise errors.UserError(
      f"{option}={out} cannot be written: {errors.reason(error)}"
    ) from None
  if new:
    out.resolve().unlink()  # of a link that led nowhere, what it leads to
