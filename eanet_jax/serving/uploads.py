"""Files that are sent: kept in a private folder while they are answered for.

Takes the bytes of a multipart/form-data body as they come, gives files below a
folder of the request, which are gone when it has its answer. Readers are
processes that take paths, and what a microscope writes beside an image must lie
beside it, so files are files here too; TMPDIR says where, as /dev/shm.
"""

import contextlib
import dataclasses
import errno
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

import filelock
from python_multipart import exceptions, multipart

from eanet_jax.data import file_kinds, image_folders
from eanet_jax.serving import limits

_PREFIX = "eanet-serve-"
_LOCK = ".lock"
_NAME_BYTES = 200  # file systems take 255
_SUFFIX_BYTES = 20
_OTHER_PARTS = 10  # in a body beside its files


@contextlib.contextmanager
def home() -> Iterator[pathlib.Path]:
  """Yields a folder that this user alone can enter; it is removed at the end.

  So are those of servers that did not come to their end: each holds a lock on
  its own, which the system lets go however it ended.
  """
  place = pathlib.Path(tempfile.gettempdir())
  _remove_abandoned(place)
  # It has its name only once it is locked: until then nobody looks at it.
  folder = pathlib.Path(tempfile.mkdtemp(prefix=".eanet-", dir=place))
  with filelock.FileLock(folder / _LOCK):
    folder = folder.rename(place / f"{_PREFIX}{secrets.token_hex(8)}")
    try:
      yield folder
    finally:
      shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: pathlib.Path) -> None:
  for folder in place.glob(f"{_PREFIX}*"):
    with contextlib.suppress(OSError, filelock.Timeout):
      status = folder.lstat()
      if folder.is_symlink() or not folder.is_dir():
        continue
      if hasattr(os, "getuid") and status.st_uid != os.getuid():
        continue
      with filelock.FileLock(folder / _LOCK, timeout=0):
        shutil.rmtree(folder, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Upload:
  """A file that was sent.

  Attributes:
    name: as it was called, without folders and unseen characters.
    path: where it is.
  """

  name: str
  path: pathlib.Path


class Form:
  """The files of one multipart/form-data body."""

  def __init__(
    self, content_type: str, folder: pathlib.Path, allowed: limits.Limits
  ):
    """Takes the header Content-Type, and an empty folder to write to.

    Raises:
      Refused: the body is of another type.
    """
    kind, options = multipart.parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
      raise limits.Refused(
        415, "send files as multipart/form-data, as curl -F file=@NAME does"
      )
    self._folder, self._allowed = folder, allowed
    self._files: list[Upload] = []
    self._parts = self._bytes = self._file_bytes = 0
    self._ended = False
    self._header = self._value = b""
    self._disposition = ""
    self._out: IO[bytes] | None = None
    try:
      self._parser = multipart.MultipartParser(
        boundary,
        {
          "on_part_begin": self._begin,
          "on_header_field": self._add_header,
          "on_header_value": self._add_value,
          "on_header_end": self._end_header,
          "on_headers_finished": self._end_headers,
          "on_part_data": self._write,
          "on_part_end": self._end_part,
          "on_end": self._end,
        },
      )
    except exceptions.FormParserError as error:
      raise limits.Refused(400, f"malformed body: {error}") from None

  def feed(self, data: bytes) -> None:
    """Takes the next bytes of the body.

    Raises:
      Refused: it is malformed, or more than is allowed.
    """
    self._bytes += len(data)
    if self._bytes > self._allowed.request_mb * limits.MB:
      raise limits.too_large("the request", self._allowed.request_mb)
    try:
      self._parser.write(data)
    except exceptions.FormParserError:
      raise limits.Refused(400, "the body is no multipart/form-data") from None
    except OSError as error:
      if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise
      raise limits.Refused(507, "the server has no room for files") from None

  def finish(self) -> list[Upload]:
    """Returns all files, after the last bytes.

    Raises:
      Refused: the body ended too early, or has no file.
    """
    if not self._ended:
      raise limits.Refused(400, "the body ended in its midst")
    if not self._files:
      raise limits.Refused(400, "no file was sent")
    return self._files

  def close(self) -> None:
    """Closes the file that is being written, if one is."""
    if self._out is not None:
      self._out.close()
      self._out = None

  def _begin(self) -> None:
    self._parts += 1
    # Browsers send an empty part where no file was chosen.
    if self._parts > self._allowed.files + _OTHER_PARTS:
      raise self._too_many()
    self._disposition, self._file_bytes = "", 0

  def _add_header(self, data: bytes, start: int, end: int) -> None:
    self._header += data[start:end]

  def _add_value(self, data: bytes, start: int, end: int) -> None:
    self._value += data[start:end]

  def _end_header(self) -> None:
    if self._header.lower() == b"content-disposition":
      self._disposition = self._value.decode("latin-1")
    self._header = self._value = b""

  def _end_headers(self) -> None:
    _, options = multipart.parse_options_header(self._disposition)
    name = options.get(b"filename")
    if name is None:
      raise limits.Refused(
        400,
        "a field is no file: level and top_k stand in the address, as in"
        " /predict?level=tile",
      )
    if not name:  # where no file was chosen
      return
    if len(self._files) == self._allowed.files:
      raise self._too_many()
    told = cleaned(name.decode("utf-8", "replace"))
    path, self._out = _new(self._folder, told)
    self._files.append(Upload(told, path))

  def _write(self, data: bytes, start: int, end: int) -> None:
    self._file_bytes += end - start
    if self._file_bytes > self._allowed.file_mb * limits.MB:
      raise limits.too_large("a file", self._allowed.file_mb)
    if self._out is not None:
      self._out.write(data[start:end])

  def _end_part(self) -> None:
    self.close()

  def _end(self) -> None:
    self._ended = True

  def _too_many(self) -> limits.Refused:
    return limits.Refused(
      413, f"more than the {self._allowed.files} files allowed in a request"
    )


def seen(text: str) -> str:
  """Returns text in one line, with _ for what cannot be seen."""
  return "".join(c if c.isprintable() else "_" for c in text)


def cleaned(name: str) -> str:
  """Returns a file's name alone, of characters that can be seen, not too long.

  Args:
    name: as somebody sent it: with folders of any system, with anything.
  """
  last = name.replace("\\", "/").rpartition("/")[2]
  shown = seen(last).strip()
  stem, dot, ending = shown.rpartition(".")
  suffix = dot + ending
  if not stem or len(suffix.encode()) > _SUFFIX_BYTES:
    stem, suffix = shown, ""
  room = _NAME_BYTES - len(suffix.encode())
  short = stem.encode()[:room].decode("utf-8", "ignore") + suffix
  return short if short.strip(".") else "unnamed"


def _new(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, IO[bytes]]:
  """Opens a new file below a folder; the n-th of a name is in folder n."""
  for number in range(sum(1 for _ in folder.iterdir()) + 1):
    of_number = folder / str(number)
    of_number.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
      return of_number / name, (of_number / name).open("xb")
  raise AssertionError("the last folder is empty")


def to_answer(files: Sequence[Upload]) -> list[Upload]:
  """Returns the files that get answers: not what microscopes write beside them.

  Raises:
    Refused: images have the same name, and nobody knows beside which of them
      such a file lay.
  """
  images = [each.path for each in files if file_kinds.is_image(each.name)]
  beside = {
    image.with_name(name)
    for image, names in image_folders.beside(images).items()
    for name in names
  }
  if beside and len({each.path.parent for each in files}) > 1:
    raise limits.Refused(
      400,
      "files of one name, and files that tell of them: send these images"
      " in requests of their own",
    )
  return [each for each in files if each.path not in beside]
