"""One network answers for the files of many requests.

Files are read in some threads, each with a process (`data.file_readers`), and
one thread runs the network, on all files that were read in the meantime: a file
is what waits its turn, not a request, so that one with many files holds up
nobody, and a file that takes long to read holds up no network.
"""

import asyncio
import concurrent.futures
import dataclasses
import os
import pathlib
import queue
import threading
from collections.abc import Mapping, Sequence

from eanet_jax.data import file_limits, file_readers, micrographs, read_ahead
from eanet_jax.explanation import named_structure
from eanet_jax.inference import classify, predictions

# Of pictures that were read and wait for the network; no more are read then.
_HELD_BYTES = 2**28
# Files that the network is given at a time.
_MOST_FILES = 32
_END_S = 10.0  # in which the network ends what it has begun

_Answer = concurrent.futures.Future[predictions.Prediction]
_Read = micrographs.Micrograph | micrographs.MicrographError


class AlreadyRead(file_readers.Readers):
  """Gives a `Classifier` the files that were read for it, as reading would."""

  def __init__(self) -> None:
    """Starts no process, now or later."""
    super().__init__(file_limits.Limits(), files=1)
    self.of: Mapping[str, _Read] = {}

  def read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    *,
    keep_bar: bool = False,
  ) -> micrographs.Micrograph:
    """Returns the micrograph of `of`, or raises why there is none."""
    found = self.of[str(path)]
    if isinstance(found, micrographs.MicrographError):
      raise found
    return found


@dataclasses.dataclass(frozen=True)
class _File:
  """A file that was read, and what waits for its answer."""

  path: str
  read: _Read
  answer: _Answer

  @property
  def held_bytes(self) -> int:
    if isinstance(self.read, micrographs.MicrographError):
      return 0
    return self.read.image.nbytes


class Answering:
  """Reads and answers, in threads of its own, from `start` to `close`."""

  def __init__(
    self,
    classifier: classify.Classifier,
    given: AlreadyRead,
    readers: file_readers.Readers,
    structure: named_structure.NamedStructure | None = None,
  ):
    """Takes a network and what reads for it.

    Args:
      classifier: restored with `given` as its readers.
      given: see there.
      readers: of the files.
      structure: what slots of the network's memory are called.
    """
    self._classifier, self._given = classifier, given
    self._readers, self._structure = readers, structure
    self._to_read: queue.SimpleQueue[tuple[str, _Answer]] = queue.SimpleQueue()
    self._to_answer: queue.SimpleQueue[_File | None] = queue.SimpleQueue()
    self._held_bytes = 0
    self._let_go = threading.Condition()
    # None of them keeps the program from ending, whatever a file does.
    self._network = threading.Thread(target=self._run_network, daemon=True)
    self._others = [
      threading.Thread(target=self._run_reader, daemon=True)
      for _ in range(read_ahead.workers())
    ]

  def start(self) -> None:
    """Starts the threads."""
    for thread in (self._network, *self._others):
      thread.start()

  def close(self) -> None:
    """Ends the network's thread, after what it is at."""
    self._to_answer.put(None)
    self._network.join(_END_S)

  async def predictions(
    self, paths: Sequence[pathlib.Path]
  ) -> list[predictions.Prediction]:
    """Returns the predictions of files, in order.

    Who stops waiting gives up those files that were not begun.
    """
    # Else the first of two requests would have all its files before the other.
    turns = asyncio.Semaphore(2 * len(self._others))

    async def one(path: pathlib.Path) -> predictions.Prediction:
      async with turns:
        answer: _Answer = concurrent.futures.Future()
        self._to_read.put((str(path), answer))
        return await asyncio.wrap_future(answer)

    return await asyncio.gather(*map(one, paths))

  def _run_reader(self) -> None:
    while True:
      path, answer = self._to_read.get()
      with self._let_go:
        self._let_go.wait_for(lambda: self._held_bytes <= _HELD_BYTES)
      if answer.cancelled():
        continue
      try:
        read: _Read = self._readers.read(path, self._classifier.told)
      except micrographs.MicrographError as error:
        read = error
      except Exception as error:
        if answer.set_running_or_notify_cancel():
          answer.set_exception(error)
        continue
      file = _File(path, read, answer)
      with self._let_go:
        self._held_bytes += file.held_bytes
      self._to_answer.put(file)

  def _run_network(self) -> None:
    while (file := self._to_answer.get()) is not None:
      files, ended = [file], False
      while len(files) < _MOST_FILES and not self._to_answer.empty():
        more = self._to_answer.get()
        if more is None:
          ended = True
          break
        files.append(more)
      self._answer(
        [each for each in files if each.answer.set_running_or_notify_cancel()]
      )
      with self._let_go:
        self._held_bytes -= sum(each.held_bytes for each in files)
        self._let_go.notify_all()
      if ended:
        return

  def _answer(self, files: Sequence[_File]) -> None:
    self._given.of = {each.path: each.read for each in files}
    try:
      found = self._classifier.stream(
        [each.path for each in files], describe=self._structure
      )
      for each, prediction in zip(files, found, strict=True):
        each.answer.set_result(prediction)
    except Exception as error:  # the next files may fare better
      for each in files:
        if not each.answer.done():
          each.answer.set_exception(error)
    finally:
      self._given.of = {}
