"""A zip file that says what is in it, and is checked whole before it is used.

Its first member, MANIFEST.json, has the size and the SHA-256 of every other.
Nothing is compressed, so that nothing can swell, and the same members give the
same bytes. A file from elsewhere may be anything: names are plain and relative,
sizes are known before a byte is written, and nothing in it is ever executed.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, TypedDict

from eanet_jax import errors
from eanet_jax.runtime import atomic_files, json_files, wording
from eanet_jax.workdir import json_formats

MANIFEST = "MANIFEST.json"
# Raise it whenever a field is added, is removed or changes its meaning.
FORMAT = 1
_MOST_BYTES = 2**32 - 2**24  # a zip file of 32-bit sizes has no more
_MOST_MEMBERS = 10_000
_MOST_LISTED_BYTES = 2**22  # of the manifest, and of zip's own list of members
_CHUNK_BYTES = 2**20
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that zip knows: the same in all files
_MODE = (stat.S_IFREG | 0o644) << 16
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_UNIX = 3  # the system that _MODE is of
# The end of a zip file without a comment, and what stands before it where sizes
# have 64 bits.
_END, _END_BYTES = b"PK\x05\x06", 22
_LOCATOR, _LOCATOR_BYTES = b"PK\x06\x07", 20


class Member(TypedDict):
  """A file in the archive."""

  bytes: int
  sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
  """What MANIFEST.json holds.

  Attributes:
    kind: what the members are together, "workdir" or "dossier".
    versions: of this program and the packages that wrote it.
    members: all others, by name.
  """

  format: int = FORMAT
  kind: str
  versions: dict[str, str]
  members: dict[str, Member]


def write(
  path: pathlib.Path,
  kind: str,
  versions: dict[str, str],
  members: Mapping[str, pathlib.Path | bytes],
) -> None:
  """Writes an archive, whole or not at all.

  Args:
    path: the file.
    kind, versions: see `Manifest`.
    members: files, or what is in them, by plain relative POSIX name.

  Raises:
    UserError: they are too large together.
    OSError: it cannot be written, or a member cannot be read.
  """
  listed = {name: _measured(members[name]) for name in sorted(members)}
  for name in listed:
    if fault := _fault_of_name(name):
      raise ValueError(f"{name!r} {fault}")
  total = sum(each["bytes"] for each in listed.values())
  if total > _MOST_BYTES or len(listed) > _MOST_MEMBERS:
    raise errors.UserError(
      f"{path}: {total / 2**30:.1f} GB in {wording.count(len(listed), 'file')}"
      " are more than one file can hold"
    )
  manifest = Manifest(kind=kind, versions=versions, members=listed)
  text = json_files.text(dataclasses.asdict(manifest)).encode()
  with (
    atomic_files.replacing(path) as building,
    zipfile.ZipFile(building, "w", allowZip64=False) as archive,
  ):
    for name, content in {MANIFEST: text, **members}.items():
      info = zipfile.ZipInfo(name, _TIME)
      info.create_system, info.external_attr = _UNIX, _MODE
      with archive.open(info, "w") as out:
        if isinstance(content, bytes):
          out.write(content)
        else:
          with content.open("rb") as file:
            shutil.copyfileobj(file, out, _CHUNK_BYTES)


def _measured(content: pathlib.Path | bytes) -> Member:
  if isinstance(content, bytes):
    return Member(
      bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
  with content.open("rb") as file:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Member(bytes=file.tell(), sha256=sha256)


@contextlib.contextmanager
def unpacked(
  path: pathlib.Path, kind: str, called: str, name: str
) -> Iterator[pathlib.Path]:
  """Yields a folder of this process alone with the members of an archive.

  It is removed at the end, with all that was written there.

  Args:
    path, kind, called: see `unpack`.
    name: of the folder.

  Raises:
    UserError: see `unpack`.
  """
  with contextlib.ExitStack() as stack:
    try:
      home = stack.enter_context(
        tempfile.TemporaryDirectory(prefix="eanet-", ignore_cleanup_errors=True)
      )
      folder = pathlib.Path(home) / name
      folder.mkdir()
    except OSError as error:
      raise errors.UserError(
        f"{path} cannot be unpacked: {errors.reason(error)}"
      ) from None
    unpack(path, kind, folder, called)
    try:
      yield folder
    except errors.UserError as error:  # that folder means nothing to the user
      said = str(error).replace(str(folder), str(path))
      raise errors.UserError(said) from None


def unpack(
  path: pathlib.Path, kind: str, into: pathlib.Path, called: str
) -> Manifest:
  """Writes the members of an archive below a new folder; returns its manifest.

  Args:
    path: of a file that may be of anybody.
    kind: what the manifest must say.
    into: an existing empty folder, of this process alone. What is left in it
      after an error is of no use.
    called: the kind in words, for messages: "a packed workdir".

  Raises:
    UserError: it is no such archive, is damaged or was tampered with, or cannot
      be read or written.
  """
  try:
    with path.open("rb") as file:
      _check_end(file)
      with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _check_members(members)
        manifest = _manifest(archive, into, path)
        if manifest.kind != kind:
          raise _Unsound(f"it is of the kind {manifest.kind!r}")
        _check_listed(members, manifest)
        for member in members:
          if member.filename != MANIFEST:
            listed = manifest.members[member.filename]
            _extract(archive, member, into, listed["sha256"])
        return manifest
  except errors.UserError:
    raise
  except OSError as error:
    why = errors.reason(error)
  # Of what zipfile makes of a hostile file: half a dozen errors, some of them
  # in the midst of a member.
  except Exception as error:
    why = str(error) or "it ends too early"
  raise errors.UserError(
    f"{path} is not {called}, was changed or is damaged: {why}"
  )


class _Unsound(Exception):
  """What is wrong with an archive, in words."""


def _check_end(file: IO[bytes]) -> None:
  """Raises _Unsound unless zip's own list of members is of a sane size.

  `zipfile` reads all of it into memory before anything can be asked.
  """
  size = file.seek(0, 2)
  if size > _MOST_BYTES + 2 * _MOST_LISTED_BYTES:
    raise _Unsound("it is too large")
  file.seek(max(0, size - _LOCATOR_BYTES - _END_BYTES))
  tail = file.read()
  end = tail[-_END_BYTES:]
  if not end.startswith(_END) or len(end) < _END_BYTES:
    raise _Unsound("it is no zip file, or does not end as one")
  if tail.startswith(_LOCATOR):
    raise _Unsound("it has sizes of 64 bits, which this program never writes")
  members = int.from_bytes(end[10:12], "little")
  listed_bytes = int.from_bytes(end[12:16], "little")
  if members > _MOST_MEMBERS + 1 or listed_bytes > _MOST_LISTED_BYTES:
    raise _Unsound("it lists too many members")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
  """Raises _Unsound unless all can be unpacked and need no more than it is."""
  seen: set[str] = set()
  for member in members:
    name = member.filename
    if fault := _fault_of_name(name):
      raise _Unsound(f"its member {name!r} {fault}")
    if name.casefold() in seen:
      raise _Unsound(f"its member {name} is there twice")
    seen.add(name.casefold())
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
      raise _Unsound(f"its member {name} is a link or no file")
    if member.flag_bits & 1:
      raise _Unsound(f"its member {name} is encrypted")
    if (
      member.compress_type != zipfile.ZIP_STORED
      or member.compress_size != member.file_size
    ):
      raise _Unsound(f"its member {name} is compressed, which none may be")
  for name in seen:
    for folder in pathlib.PurePosixPath(name).parents:
      if str(folder) in seen:
        raise _Unsound(f"its member {folder} is a file and a folder")
  if sum(member.file_size for member in members) > _MOST_BYTES:
    raise _Unsound("its members are too large")


def _fault_of_name(name: str) -> str:
  """Why a member may not be called so, "" if it may."""
  if len(name) > 200 or not all(map(_PART.fullmatch, name.split("/"))):
    return "has a name that is no plain relative one"
  return ""


def _manifest(
  archive: zipfile.ZipFile, into: pathlib.Path, path: pathlib.Path
) -> Manifest:
  try:
    member = archive.getinfo(MANIFEST)
  except KeyError:
    raise _Unsound(f"it has no {MANIFEST}") from None
  if member.file_size > _MOST_LISTED_BYTES:
    raise _Unsound(f"its {MANIFEST} is too large")
  _extract(archive, member, into)
  try:
    content = json_files.read(into / MANIFEST)
  except ValueError as error:
    raise _Unsound(f"its {MANIFEST} is not JSON: {error}") from None
  where = f"{MANIFEST} in {path}"
  json_formats.check(content, FORMAT, where)
  return json_formats.from_fields(Manifest, content, where)


def _check_listed(members: list[zipfile.ZipInfo], manifest: Manifest) -> None:
  """Raises _Unsound unless the manifest lists these members and no others."""
  there = {member.filename: member.file_size for member in members}
  del there[MANIFEST]
  if missing := sorted(manifest.members.keys() - there.keys()):
    raise _Unsound(f"{missing[0]!r} is missing")
  for name, size in there.items():
    if name not in manifest.members:
      raise _Unsound(f"its member {name} is not in its {MANIFEST}")
    if size != manifest.members[name]["bytes"]:
      raise _Unsound(f"the size of {name} is not that of its {MANIFEST}")


def _extract(
  archive: zipfile.ZipFile,
  member: zipfile.ZipInfo,
  into: pathlib.Path,
  sha256: str | None = None,
) -> None:
  """Writes a member to a new file; raises _Unsound if it is another one."""
  target = into.joinpath(*member.filename.split("/"))
  target.parent.mkdir(parents=True, exist_ok=True)
  digest, left = hashlib.sha256(), member.file_size
  with archive.open(member) as file, target.open("xb") as out:
    while chunk := file.read(min(_CHUNK_BYTES, left)):
      digest.update(chunk)
      out.write(chunk)
      left -= len(chunk)
  if left or (sha256 is not None and digest.hexdigest() != sha256):
    raise _Unsound(f"the checksum of {member.filename} differs")
