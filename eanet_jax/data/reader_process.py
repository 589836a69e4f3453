"""The process that reads image files, so that none can harm the program.

Takes requests on its standard input and answers each on its standard output: a
length, that many bytes of JSON, and for a micrograph its pixels. `file_readers`
starts it and talks to it. It imports little, as it is started for a few files.
"""

import json
import logging
import os
import pathlib
import signal
import struct
import sys
import warnings
from typing import IO, Any

from PIL import Image

from eanet_jax.data import image_files, micrographs

# A file may wait for the disk or other programs, so many times as long as it
# may take of a processor.
PATIENCE = 5
_LENGTH = struct.Struct("<I")


def serve() -> None:
  """Answers requests until there are no more, which is when the parent ends.

  A request has a path, told, keep_bar, memory_bytes and seconds. An answer is
  empty where the process is ready for its first request; it has `too_large`
  where the memory is too little, and the process ends; it has an error, or the
  height and width of the pixels behind it and the other fields of the
  micrograph.
  """
  requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
  _be_quiet()
  own_bytes = _address_space()
  send(answers, {})
  while (request := receive(requests)) is not None:
    _limit(own_bytes, request["memory_bytes"], request["seconds"])
    try:
      told = micrographs.Told(**request["told"])
      answer, pixels = _answer(request["path"], told, request["keep_bar"])
    except (image_files.TooLargeError, MemoryError):
      answer, pixels = {"too_large": True}, b""
    _end_after(0, 0)
    send(answers, answer, pixels)
    if "too_large" in answer:  # what is left of it would count as the next's
      return


def _answer(
  path: str, told: micrographs.Told, keep_bar: bool
) -> tuple[dict[str, Any], memoryview | bytes]:
  """Returns the answer to a request, and pixels."""
  try:
    micrograph = micrographs.read(path, told, keep_bar=keep_bar)
  except image_files.TooLargeError:
    raise
  except micrographs.MicrographError as error:
    return {"error": str(error)}, b""
  height, width = micrograph.image.shape
  found = vars(micrograph).copy()
  del found["image"]
  answer = {"height": height, "width": width, "micrograph": found}
  return answer, micrograph.image.data


def send(
  stream: IO[bytes], message: dict[str, Any], pixels: memoryview | bytes = b""
) -> None:
  """Writes a message, and pixels behind it."""
  text = json.dumps(message).encode()
  stream.write(_LENGTH.pack(len(text)) + text)
  stream.write(pixels)
  stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
  """Returns the next message, None if the other end is closed."""
  start = stream.read(_LENGTH.size)
  if len(start) < _LENGTH.size:
    return None
  (length,) = _LENGTH.unpack(start)
  text = stream.read(length)
  return json.loads(text) if len(text) == length else None


def _be_quiet() -> None:
  """Keeps decoders, libtiff too, from printing, and Ctrl-C to the parent."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  for number in (1, 2):
    os.dup2(nowhere, number)
  logging.disable()
  warnings.simplefilter("ignore")


def _address_space() -> int | None:
  """Bytes of this process's address space, None where Linux does not say."""
  try:
    pages = pathlib.Path("/proc/self/statm").read_text().split()[0]
  except OSError:
    return None
  return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _limit(own_bytes: int | None, memory_bytes: int, seconds: float) -> None:
  """Limits what the next file may take, beside what the process has taken.

  Processor time, so that a busy machine leaves out no sound file.
  """
  # A pixel takes a byte at least.
  Image.MAX_IMAGE_PIXELS = memory_bytes
  if own_bytes is not None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = own_bytes + memory_bytes
    if most != resource.RLIM_INFINITY:
      limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
  # The parent minds the clock, unless it has ended.
  _end_after(seconds, PATIENCE * seconds + 1)


def _end_after(processor_s: float, clock_s: float) -> None:
  """Ends this process by a signal after so many seconds; 0 is never."""
  if hasattr(signal, "setitimer"):
    signal.setitimer(signal.ITIMER_PROF, processor_s)
    signal.setitimer(signal.ITIMER_REAL, clock_s)
