"""Orbax checkpoints: what is saved, kept, verified and restored.

A step holds three items: `variables` (all that inference needs), `progress`
(optimizer state and the sums of an unfinished epoch) and `meta` (plain JSON:
see `run_meta`, with a checksum of every array). Nothing restored is executed.

Orbax takes a flipped bit for a number and an empty folder for a step, so every
restore compares checksums and tries another step if they differ.
"""

import json
import logging
import pathlib
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.runtime import pytrees
from eanet_jax.workdir import run_meta

_SCORE = "macro_f1"
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
    """Opens WORKDIR/checkpoints, clearing what an interrupted save left."""
    policy = ocp.checkpoint_managers
    self._manager = ocp.CheckpointManager(
      workdir.absolute() / FOLDER,
      options=ocp.CheckpointManagerOptions(
        create=create,
        cleanup_tmp_directories=create,
        # best_fn with max_to_keep would delete the newest steps.
        preservation_policy=policy.AnyPreservationPolicy(
          [
            policy.LatestN(2),
            policy.BestN(
              get_metric_fn=lambda metrics: metrics[_SCORE],
              n=1,
              keep_checkpoints_without_metrics=False,
            ),
          ]
        ),
      ),
    )

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(self, *_: object) -> None:
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
    checksums = {
      "variables": _checksums(variables),
      "progress": _checksums(progress),
    }
    # Turned to JSON and back, so that the checksum is that of what is read.
    content = {"meta": meta.as_json(), "checksums": checksums}
    content = json.loads(json.dumps(content))
    self._manager.save(
      step,
      args=ocp.args.Composite(
        variables=ocp.args.StandardSave(variables),
        progress=ocp.args.StandardSave(progress),
        meta=ocp.args.JsonSave({**content, "checksum": _checksum(content)}),
      ),
      metrics=None if meta.score is None else {_SCORE: meta.score},
      force=True,
    )

  def wait(self) -> None:
    """Returns when every save is on disk."""
    self._manager.wait_until_finished()

  def reached_preemption(self, step: int) -> bool:
    """Whether the cluster wants this job's machines back."""
    return self._manager.reached_preemption(step)

  def steps(self) -> list[int]:
    """Steps that have a folder, oldest first; they may be damaged."""
    return sorted(self._manager.all_steps())

  def restore_newest(
    self, variables: pytrees.Variables, progress: pytrees.PyTree
  ) -> Restored | None:
    """Returns the newest sound step; None if there is no step.

    Args:
      variables: pytree like the one saved, with the shardings wanted.
      progress: likewise.

    Raises:
      UserError: no step is sound, or one has another format.
    """
    for step in reversed(self.steps()):
      try:
        meta, checksums = self._restore_meta(step)
        return Restored(
          self._restore(step, "variables", variables, checksums["variables"]),
          self._restore(step, "progress", progress, checksums["progress"]),
          meta,
        )
      except Corrupt as error:
        _warn(step, error)
    if self.steps():
      raise errors.UserError(
        f"{self._manager.directory}: no checkpoint in it can be read; choose"
        " another --workdir to start again"
      )
    return None

  def restore_best(
    self, template: Callable[[run_meta.RunMeta], pytrees.Variables]
  ) -> tuple[pytrees.Variables, run_meta.RunMeta] | None:
    """Returns (variables, meta) of the best sound step; None if there is none.

    The best has the highest score and is the newest of equals; a step saved in
    the middle of an epoch has no score and comes last.

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
    found.sort(key=lambda entry: entry[:2], reverse=True)
    for _, step, meta, checksums in found:
      try:
        variables = self._restore(
          step, "variables", template(meta), checksums["variables"]
        )
      except Corrupt as error:
        _warn(step, error)
        continue
      return variables, meta
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
    except Exception as error:  # Orbax has no type for a damaged file
      raise Corrupt(_first_line(error)) from error
    if checksum != _checksum(content):
      raise Corrupt("meta: its checksum differs")
    where = f"checkpoint {step} in {self._manager.directory}"
    meta = run_meta.RunMeta.from_json(content["meta"], where)
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
      raise Corrupt(_first_line(error)) from error
    found = _checksums(restored)
    wrong = sorted(k for k in expected if found.get(k) != expected[k])
    if wrong or len(found) != len(expected):
      raise Corrupt(f"{name}: checksum of {', '.join(wrong[:3])} differs")
    return restored


def _checksums(tree: pytrees.PyTree) -> dict[str, int]:
  """CRC-32 of every leaf's bytes, by its path."""
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  on_host = jax.device_get(
    [
      leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf
      for _, leaf in leaves
    ]
  )
  return {
    jax.tree_util.keystr(path): zlib.crc32(np.ascontiguousarray(array).data)
    for (path, _), array in zip(leaves, on_host, strict=True)
  }


def _checksum(content: config_tree.Tree) -> int:
  """CRC-32 of content as JSON gives it back; the order of keys is ignored."""
  return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _warn(step: int, error: Corrupt) -> None:
  print(
    f"checkpoint {step} is damaged ({error}): trying another", file=sys.stderr
  )


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
