"""Files of many requests are read apart and answered by one network."""

import asyncio
import threading

import made_classifiers
import numpy as np
import pytest

from eanet_jax.data import file_readers, micrographs
from eanet_jax.inference import classify
from eanet_jax.serving import answering

SIDE_PX = made_classifiers.SIDE_PX


class Readers:
  """Stands in for the processes: pictures by path, some late, some none."""

  def __init__(self):
    self.late = threading.Event()
    self.begun: list[str] = []

  def read(self, path, told):
    self.begun.append(path)
    if "late" in path:
      assert self.late.wait(30)
    if "bad" in path:
      raise micrographs.MicrographError("not an image")
    if "crash" in path:
      raise RuntimeError("the process does not start")
    rng = np.random.default_rng(len(path))
    return micrographs.Micrograph(
      rng.integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8), 0, None
    )


@pytest.fixture(scope="module")
def classifier():
  made = made_classifiers.classifier("eanet")
  given = answering.AlreadyRead()
  return classify.Classifier(made.network, made.mesh, given), given


@pytest.fixture
def started(classifier):
  """An Answering, and what it reads with."""
  readers = Readers()
  found = answering.Answering(*classifier, readers)
  found.start()
  yield found, readers
  readers.late.set()
  found.close()


def test_files_are_answered_in_order_whatever_they_are(started):
  answers, _ = started
  names = ["a", "bad", *("b" * n for n in range(2, 50)), "bad too"]
  found = asyncio.run(answers.predictions(names))
  assert [each.file for each in found] == names
  assert [each.file for each in found if each.error] == ["bad", "bad too"]
  assert found[1].error == "not an image"
  alone = [asyncio.run(answers.predictions([n]))[0] for n in ("a", "bb")]
  for each, other in zip(alone, (found[0], found[2]), strict=True):
    np.testing.assert_allclose(each.logits, other.logits, atol=1e-5)


def test_a_late_file_holds_up_nobody(started):
  answers, readers = started

  async def main():
    late = asyncio.create_task(answers.predictions(["late"]))
    other = await asyncio.wait_for(answers.predictions(["a", "bb"]), 30)
    assert not late.done()
    readers.late.set()
    return [each.label for each in other + await late]

  assert all(asyncio.run(main()))


def test_what_nobody_waits_for_is_not_begun(started):
  answers, readers = started

  async def main():
    names = [f"late {n}" for n in range(200)]
    given_up = asyncio.create_task(answers.predictions(names))
    await asyncio.sleep(0.2)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
      await given_up
    readers.late.set()
    (found,) = await answers.predictions(["a"])
    return found

  assert not asyncio.run(main()).error
  assert len(readers.begun) < 20


def test_a_failure_fails_its_own_request_alone(started, monkeypatch):
  answers, _ = started
  with pytest.raises(RuntimeError, match="does not start"):
    asyncio.run(answers.predictions(["a", "crash"]))

  def stream(*_, **__):
    raise ValueError("out of memory")

  with monkeypatch.context() as patched:
    patched.setattr(answers._classifier, "stream", stream)
    with pytest.raises(ValueError, match="out of memory"):
      asyncio.run(answers.predictions(["a"]))
  assert not asyncio.run(answers.predictions(["a"]))[0].error


def test_few_large_pictures_are_held(started, monkeypatch):
  answers, readers = started
  monkeypatch.setattr(answering, "_HELD_BYTES", SIDE_PX**2)
  go_on = threading.Event()
  stream = answers._classifier.stream

  def slow(*given, **more):
    assert go_on.wait(30)
    return stream(*given, **more)

  monkeypatch.setattr(answers._classifier, "stream", slow)

  async def main():
    names = ["x" * n for n in range(1, 60)]
    several = [
      asyncio.create_task(answers.predictions(names[i::6])) for i in range(6)
    ]
    await asyncio.sleep(0.5)
    begun = len(readers.begun)
    go_on.set()
    await asyncio.gather(*several)
    return begun

  # Those that are held, and one that each thread is at.
  assert asyncio.run(main()) <= 2 + 2 * len(answers._others)
  assert len(readers.begun) == 59


def test_a_classifier_is_given_what_was_read(classifier):
  _, given = classifier
  assert isinstance(given, file_readers.Readers)
  with pytest.raises(KeyError):
    given.read("never read")
