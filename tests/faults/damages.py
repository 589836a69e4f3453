"""Damage, file by file: the same results again, or one line that names it."""

import json
import pathlib
import random
import re
import shutil
from collections.abc import Iterator

from program import (
  Bench,
  Fault,
  Lost,
  Outcome,
  Said,
  copied,
  eanet,
  launch,
  run,
  run_several,
  same,
)

# What takes the place of JSON.
_OTHER_JSON = {
  "a list": "[1]",
  "null": "null",
  "a number": "7",
  "nested deep": "[" * 100_000,
  "NaN": "NaN",
}


def damages(path: pathlib.Path, *, by_field: bool = False) -> list[str]:
  """Names of what can be done to a file.

  By field is for JSON whose fields are looked at; of the rest the bytes are.
  """
  found = ["a bit flipped", "cut", "emptied", "deleted"]
  if path.suffix == ".json" or path.name in ("metadata", "_METADATA"):
    found += ["null", "nested deep", "a field null"]
    if by_field:
      found += ["a list", "a number", "NaN", "a field huge"]
  return found


def damage(path: pathlib.Path, how: str, rng: random.Random) -> None:
  """Does it."""
  content = bytearray(path.read_bytes())
  if how == "deleted":
    path.unlink()
  elif how == "emptied":
    path.write_bytes(b"")
  elif how == "cut":
    path.write_bytes(content[: len(content) // 2])
  elif how == "a bit flipped":
    if content:
      content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
  elif how in _OTHER_JSON:
    path.write_text(_OTHER_JSON[how])
  else:
    _replace_field(path, None if how == "a field null" else 10**400, rng)


def _replace_field(
  path: pathlib.Path, value: object, rng: random.Random
) -> None:
  """Gives one field of a JSON object, at any depth, another value."""
  whole = json.loads(path.read_text())
  places = [
    (inside, key)
    for inside in _objects(whole)
    for key in (inside if isinstance(inside, dict) else range(len(inside)))
    if inside[key] is not None
  ]
  inside, key = rng.choice(places)
  inside[key] = value
  path.write_text(json.dumps(whole))


def _objects(value: object) -> Iterator:
  if isinstance(value, dict | list):
    yield value
    for each in value.values() if isinstance(value, dict) else value:
      yield from _objects(each)


def judged(
  name: str,
  said: Said,
  workdir: pathlib.Path,
  bench: Bench,
  names: str,
  apart: str = "",
) -> Outcome:
  """The same results, or one line that names what is damaged.

  Args:
    name, workdir: of the try.
    said: how the command ended.
    bench: has the results that are right.
    names: a pattern of what the line is to name.
    apart: see `same`.
  """
  try:
    if said.code == 0:
      if "Traceback" in said.err:
        raise Lost(f"a traceback: {said.err[-600:]}")
      same(workdir, bench.clean, apart)
      if "is damaged" in said.err + said.out:
        return Outcome(name, "a line, and it is made again")
      return Outcome(name, "nothing: it is made again, or not read")
    line = said.line()
    if said.code != 2 or not re.search(names, line):
      raise Lost(f"{said.code}: {line}")
    return Outcome(name, "a line that names it")
  except (Lost, OSError) as lost:
    return Outcome(name, "", str(lost))


def of_checkpoint(step: int, relative: str):
  """Each damage to one file of a step, then results are to be made again."""

  def attempt(
    bench: Bench, folder: pathlib.Path, rng: random.Random
  ) -> list[Outcome]:
    tries = []
    there = _files(bench.clean / "checkpoints" / str(step))
    for how in damages(there[relative]):
      workdir = copied(bench, folder / how)
      for result in ("results.json", "checksums.json", "report.html"):
        (workdir / result).unlink()
      own = _files(workdir / "checkpoints" / str(step))[relative]
      damage(own, how, rng)
      tries.append((f"{relative}: {how}", workdir))
    said = run_several([launch(each, bench.data) for _, each in tries])
    return [
      judged(name, each, workdir, bench, "checkpoint")
      for (name, workdir), each in zip(tries, said, strict=True)
    ]

  return attempt


def _files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The files of a step by kind; the largest of those with random names."""
  found: dict[str, pathlib.Path] = {}
  for path in sorted(folder.rglob("*"), key=lambda path: path.stat().st_size):
    if path.is_file():
      relative = path.relative_to(folder).as_posix()
      found[re.sub(r"/[0-9a-f]{32}$", "/ARRAYS", relative)] = path
  return found


def of_workdir(name: str):
  """Each damage to a file of a finished job: it is shown, and its report."""

  def attempt(
    bench: Bench, folder: pathlib.Path, rng: random.Random
  ) -> list[Outcome]:
    tries = []
    commands: list[list[str]] = []
    for how in damages(bench.clean / name, by_field=True):
      for sealed in (True, False):
        if how == "a bit flipped" and not sealed:
          continue  # nobody could tell
        workdir = copied(bench, folder / f"{how} {sealed}")
        (workdir / "report.html").unlink()
        if not sealed:
          (workdir / "checksums.json").unlink()
        if not (workdir / name).exists():
          continue
        damage(workdir / name, how, rng)
        commands += [launch(workdir, bench.data), eanet("report", workdir)]
        tries += [(f"{name}: {how}", workdir)] * 2
    said = run_several(commands)
    names = f"{re.escape(name)}|results in"
    return [
      judged(title, each, workdir, bench, names, name)
      for (title, workdir), each in zip(tries, said, strict=True)
    ]

  return attempt


def advice_followed(
  bench: Bench, folder: pathlib.Path, rng: random.Random
) -> list[Outcome]:
  """What the lines say is done, and the same command makes all again."""
  of_results = copied(bench, folder / "results")
  damage(of_results / "history.csv", "cut", rng)
  for name in ("results.json", "checksums.json"):
    (of_results / name).unlink()
  of_best = copied(bench, folder / "best")
  for name in ("results.json", "checkpoints/9/variables/manifest.ocdbt"):
    (of_best / name).unlink()
  commands = [launch(each, bench.data) for each in (of_results, of_best)]
  said = run_several(commands)
  shutil.rmtree(of_best / "checkpoints")
  return [
    judged("results made again", said[0], of_results, bench, ""),
    judged("the best is missed", said[1], of_best, bench, "checkpoint 9"),
    judged("trained again", run(commands[1]), of_best, bench, ""),
  ]


def of_data(pattern: str, views: bool):
  """Each damage to a file of the built data set, then a new job."""

  def attempt(
    bench: Bench, folder: pathlib.Path, rng: random.Random
  ) -> list[Outcome]:
    (found,) = bench.data.glob(pattern)
    tries, commands = [], []
    for how in damages(found):
      data = shutil.copytree(bench.data, folder / how / "data")
      damage(data / found.relative_to(bench.data), how, rng)
      if not views:  # so that they are made from the records again
        shutil.rmtree(next(data.glob("*/views")))
      workdir = folder / how / "run"
      tries.append((f"{found.name}: {how}", workdir))
      commands.append(launch(workdir, data))
    said = run_several(commands)
    return [
      judged(name, each, workdir, bench, "data")
      for (name, workdir), each in zip(tries, said, strict=True)
    ]

  return attempt


_STEP_FILES = (
  "_CHECKPOINT_METADATA",
  "commit_success.txt",
  "meta/commit_success.txt",
  "meta/metadata",
  *(
    f"{item}/{file}"
    for item in ("variables", "progress")
    for file in (
      "_METADATA",
      "commit_success.txt",
      "d/ARRAYS",
      "manifest.ocdbt",
      "ocdbt.process_0/d/ARRAYS",
      "ocdbt.process_0/manifest.ocdbt",
    )
  ),
)
_WORKDIR_FILES = (
  "config.json",
  "results.json",
  "checksums.json",
  "history.csv",
  "examples.npz",
  "test_predictions.csv",
  "left_out.csv",
  "parameters.txt",
)
_RECORDS = "*/sem_steel/synthetic/*"


def all_faults() -> list[Fault]:
  """Every file of a job."""
  found = [
    Fault(f"damaged checkpoint, {title}", file, of_checkpoint(step, file))
    for title, step in (("the newest", 18), ("the best", 9))
    for file in _STEP_FILES
    # What is read of the best is read as of the newest.
    if step == 18 or file in ("meta/metadata", "variables/d/ARRAYS")
  ]
  found += [
    Fault("damaged file of a workdir", file, of_workdir(file))
    for file in _WORKDIR_FILES
  ]
  found.append(
    Fault("damaged file of a workdir", "advice followed", advice_followed)
  )
  found += [
    Fault("damaged views", file, of_data(f"*/views/*/{file}", True))
    for file in ("images.u8", "index.json", "checksums.json", "texture*.npz")
  ]
  found += [
    Fault("damaged TFRecords", file, of_data(f"{_RECORDS}/{file}", False))
    for file in (
      "*.tfrecord*",
      "dataset_info.json",
      "features.json",
      "metadata.json",
      "label.labels.txt",
      "checksums.json",
    )
  ]
  config = of_data("*/sem_steel/.config/metadata.json", False)
  found.append(Fault("damaged TFRecords", ".config", config))
  return found
