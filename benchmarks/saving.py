"""How long a run's checkpoint takes to be saved, to be on disk, to be read.

  python benchmarks/saving.py runs/eanet

Saves the arrays of the run's newest checkpoint several times in a temporary
folder, and prints the medians as one line of JSON.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import sys
import tempfile
import time

import orbax.checkpoint as ocp

from eanet_jax.workdir import checkpoints, run_meta


def main() -> int:
  """Prints the medians; returns the exit code."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("workdir", type=pathlib.Path, help="of a training run")
  parser.add_argument("--times", type=int, default=7, help="saves [7]")
  arguments = parser.parse_args()
  with checkpoints.open_existing(arguments.workdir) as saved:
    step = saved.steps()[-1]
  folder = arguments.workdir.absolute() / checkpoints.FOLDER / str(step)
  with ocp.StandardCheckpointer() as reader:
    variables, progress = (
      reader.restore(folder / item) for item in ("variables", "progress")
    )
  content = json.loads((folder / "meta" / "metadata").read_text())
  meta = run_meta.RunMeta.from_json(content["meta"], folder)
  seconds = {"held_up_s": [], "on_disk_s": [], "read_s": []}
  for i in range(arguments.times):
    with (
      tempfile.TemporaryDirectory() as workdir,
      checkpoints.Checkpoints(pathlib.Path(workdir)) as saved,
    ):
      times = [time.monotonic()]
      saved.save(variables, progress, dataclasses.replace(meta, step=i + 1))
      times.append(time.monotonic())
      saved.wait()
      times.append(time.monotonic())
      saved.restore_newest(variables, progress, lambda _: None)
      times.append(time.monotonic())
    seconds["held_up_s"].append(times[1] - times[0])
    seconds["on_disk_s"].append(times[2] - times[0])
    seconds["read_s"].append(times[3] - times[2])
  medians = {
    name: round(statistics.median(found), 3) for name, found in seconds.items()
  }
  print(json.dumps(medians | {"saves": arguments.times}))
  return 0


if __name__ == "__main__":
  sys.exit(main())
