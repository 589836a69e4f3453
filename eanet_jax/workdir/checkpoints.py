"""Orbax checkpoints: what is saved, kept, verified and restored.

A step holds three items: `variables` (all that inference needs), `progress`
(optimizer state and the sums of an unfinished epoch) and `meta` (plain JSON:
see `run_meta`, with a checksum of every array). Nothing restored is executed.

Orbax takes a flipped bit for a number and an empty folder for a step, so every
restore compares checksums and tries another step if they differ.
"""

import contextlib
import dataclasses
import json
import logging
import pathlib
import sys
from collections.abc import Callable
from typing import NamedTuple

import jax
import orbax.checkpoint as ocp

from eanet_jax import errors
from eanet_jax.runtime import peers, pytrees, wording
from eanet_jax.workdir import (
  array_checksums,
  orbax_errors,
  plain_path,
  preservation,
  run_meta,
)

FOLDER = "checkpoints"


class Corrupt(Exception):
  """A checkpoint that cannot be read or is not what was saved."""


class Restored(NamedTuple):
  """A step as it was saved."""

  variables: pytrees.Variables
  progress: pytrees.PyTree
  meta: run_meta.RunMeta


class Checkpoints:
  """The checkpoints of one workdir; a context manager that waits for saves.

  Keeps the newest two and the best by validation macro-F1 (the latest of
  equals). All processes of a job call every method together.
  """

  def __init__(self, workdir: pathlib.Path, *, create: bool = True):
    """Opens WORKDIR/checkpoints, clearing what an interrupted save left.

    Raises:
      UserError: several processes cannot keep checkpoints under such a path.
    """
    orbax_errors.hush()
    self._folder = workdir.absolute() / FOLDER  # as the user knows it
    self._closing = contextlib.ExitStack()
    folder = self._closing.enter_context(plain_path.plain(workdir)) / FOLDER
    self._scores: dict[int, float] = {}
    self._manager = ocp.CheckpointManager(
      folder,
      options=ocp.CheckpointManagerOptions(
        create=create,
        cleanup_tmp_directories=create,
        # best_fn with max_to_keep would delete the newest steps.
        preservation_policy=preservation.NewestAndBest(self._scores),
      ),
    )
    for step in self.steps() if create else ():  # of use to saves alone
      # Whoever restores a step that cannot be read says so.
      with contextlib.suppress(Corrupt, errors.UserError):
        self._note_score(self._restore_meta(step)[0])

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(
    self, _kind: object, error: BaseException | None, _trace: object
  ) -> None:
    with self._closing, orbax_errors.of_disks():
      failed = error and not isinstance(error, errors.Stopped)
      if failed and peers.joined():
        return  # it would wait for the others, who wait for this process
      self._manager.close()

  def save(
    self,
    variables: pytrees.Variables,
    progress: pytrees.PyTree,
    meta: run_meta.RunMeta,
  ) -> None:
    """Saves in the background; the arrays may be donated once this returns.

    Args:
      variables: pytree of arrays.
      progress: pytree of arrays.
      meta: what is known of the run at this step.
    """
    step = meta.step
    if step in self._manager.all_steps():
      # A damaged step, trained again from the one before: Orbax would refuse.
      self._manager.delete(step)
    # Fetched once, for the checksums too. Orbax would fetch a part from each
    # device, and compile a program for each part of each array.
    variables, progress = array_checksums.on_host((variables, progress))
    checksums = {
      "variables": array_checksums.of_arrays(variables),
      "progress": array_checksums.of_arrays(progress),
    }
    # Turned to JSON and back, so that the checksum is that of what is read.
    content = {"meta": meta.as_json(), "checksums": checksums}
    content = json.loads(json.dumps(content))
    self._note_score(meta)
    with orbax_errors.of_disks():
      self._manager.save(
        step,
        args=ocp.args.Composite(
          variables=ocp.args.StandardSave(variables),
          progress=ocp.args.StandardSave(progress),
          meta=ocp.args.JsonSave(
            {**content, "checksum": array_checksums.of_json(content)}
          ),
        ),
        force=True,
      )

  def _note_score(self, meta: run_meta.RunMeta) -> None:
    """Remembers a step's score; one within an epoch has none."""
    self._scores.pop(meta.step, None)
    if meta.score is not None:
      self._scores[meta.step] = meta.score

  def wait(self) -> None:
    """Returns when every save is on disk."""
    with orbax_errors.of_disks():
      self._manager.wait_until_finished()

  def reached_preemption(self, step: int) -> bool:
    """Whether the cluster wants this job's machines back."""
    return self._manager.reached_preemption(step)

  def steps(self) -> list[int]:
    """Steps that have a folder, oldest first; they may be damaged."""
    return sorted(self._manager.all_steps())

  def restore_newest(
    self,
    variables: pytrees.Variables,
    progress: pytrees.PyTree,
    check: Callable[[run_meta.RunMeta], None],
  ) -> Restored | None:
    """Returns the newest sound step; None if there is no step.

    Args:
      variables: pytree like the one saved, with the shardings wanted.
      progress: likewise.
      check: is called with what a step says of its run, before its arrays
        are read, and raises UserError if it is of another run.

    Raises:
      UserError: no step is sound, or one has another format; or from `check`.
    """
    for step in reversed(self.steps()):
      try:
        meta, checksums = self._restore_meta(step)
        check(meta)
        return Restored(
          self._restore(step, "variables", variables, checksums["variables"]),
          self._restore(step, "progress", progress, checksums["progress"]),
          meta,
        )
      except Corrupt as error:
        _warn(step, error)
    if self.steps():
      raise errors.UserError(
        f"{self._folder}: no checkpoint in it can be read; choose"
        " another --workdir to start again"
      )
    return None

  def restore_best(
    self, template: Callable[[run_meta.RunMeta], pytrees.Variables]
  ) -> tuple[pytrees.Variables, run_meta.RunMeta] | None:
    """Returns (variables, meta) of the best sound step; None if there is none.

    The best has the highest score and is the newest of equals; a step saved in
    the middle of an epoch has no score and comes last. Classes are called as in
    the newest step: they may have been renamed.

    Args:
      template: gives a pytree like the variables saved, with the shardings
        wanted.

    Raises:
      UserError: a step has another format.
    """
    found = []
    for step in self.steps():
      try:
        meta, checksums = self._restore_meta(step)
      except Corrupt as error:
        _warn(step, error)
        continue
      score = -1.0 if meta.score is None else meta.score
      found.append((score, step, meta, checksums))
    names = found[-1][2].class_names if found else ()
    found.sort(key=lambda entry: entry[:2], reverse=True)
    for _, step, meta, checksums in found:
      try:
        variables = self._restore(
          step, "variables", template(meta), checksums["variables"]
        )
      except Corrupt as error:
        _warn(step, error)
        continue
      return variables, dataclasses.replace(meta, class_names=names)
    return None

  def _restore_meta(
    self, step: int
  ) -> tuple[run_meta.RunMeta, dict[str, dict[str, int]]]:
    """The meta of a step, and the checksums of its arrays by item and path."""
    try:
      restored = self._manager.restore(
        step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
      )
      content = dict(restored.meta)
      checksum = content.pop("checksum", None)
      sound = checksum == array_checksums.of_json(content)
    except Exception as error:  # Orbax has no type for a damaged file
      if peers.joined() and peers.is_loss(error):
        raise
      raise Corrupt(_first_line(error)) from error
    if not sound:
      raise Corrupt("meta: its checksum differs")
    if not {"meta", "checksums"} <= content.keys():
      raise Corrupt("meta: it is of something else")
    where = f"checkpoint {step} in {self._folder}"
    meta = run_meta.RunMeta.from_json(content["meta"], where)
    if meta.step != step:
      raise Corrupt(f"it is of step {meta.step}")
    return meta, content["checksums"]

  def _restore(
    self,
    step: int,
    name: str,
    template: pytrees.PyTree,
    expected: dict[str, int],
  ) -> pytrees.PyTree:
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, template)
    try:
      restored = self._manager.restore(
        step,
        args=ocp.args.Composite(**{name: ocp.args.StandardRestore(abstract)}),
      )[name]
    except Exception as error:  # as above
      if peers.joined() and peers.is_loss(error):
        raise
      raise Corrupt(_first_line(error)) from error
    found = array_checksums.of_arrays(restored)
    wrong = sorted(k for k in expected if found.get(k) != expected[k])
    if wrong or len(found) != len(expected):
      raise Corrupt(f"{name}: checksum of {', '.join(wrong[:3])} differs")
    return restored


def _warn(step: int, error: Corrupt) -> None:
  line = f"checkpoint {step} is damaged ({error}): trying another"
  print(wording.printable(line), file=sys.stderr)


def _first_line(error: Exception) -> str:
  lines = str(error).strip().splitlines()
  return lines[0][:200] if lines else type(error).__name__


def open_existing(workdir: pathlib.Path) -> Checkpoints:
  """Returns the checkpoints of a workdir that must have some.

  Raises:
    UserError: there is no such folder, or no checkpoint in it.
  """
  logging.getLogger("orbax").setLevel(logging.ERROR)
  if not workdir.is_dir():
    raise errors.UserError(f"{workdir}: there is no such folder")
  if not (workdir / FOLDER).is_dir():
    raise errors.UserError(
      f"{workdir} holds no {FOLDER} folder: give the --workdir of a training"
      " run"
    )
  return Checkpoints(workdir, create=False)
