"""A path for Orbax, which takes it for a pattern.

Orbax looks for the parts of a save by a pattern that begins with the path, in
which "run [3]" stands for "run 3".
"""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import jax

from eanet_jax import errors


@contextlib.contextmanager
def plain(workdir: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields the absolute path of a workdir, or of a link to it if it holds a [.

  Raises:
    UserError: it does, and there are several processes.
  """
  path = workdir.absolute()
  if "[" not in str(path):
    yield path
  elif jax.process_count() > 1:  # which would have to agree on a link
    raise errors.UserError(
      f"{workdir}: several processes cannot keep checkpoints under a path with"
      " a [: choose another --workdir"
    )
  else:
    with tempfile.TemporaryDirectory(prefix="eanet-") as folder:
      link = pathlib.Path(folder) / "workdir"
      link.symlink_to(path, target_is_directory=True)
      yield link
