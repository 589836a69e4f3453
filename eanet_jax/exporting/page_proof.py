"""Whether a page answers as its network, tried without a browser.

Takes the page and images, gives what the worker that stands in the page answers
in Node, where that is installed. A page compares itself, too, whenever it is
opened.
"""

import json
import pathlib
import shutil
import subprocess
import tempfile

import numpy as np

from eanet_jax.exporting import answer_function, page_script


def answers(page: pathlib.Path, images: np.ndarray) -> dict[str, np.ndarray]:
  """Returns probabilities (v, l), and novelty (v,) where there is any.

  Args:
    page: an HTML file of `html_page`.
    images: uint8 (v, y, x, 1), y = x.

  Raises:
    FileNotFoundError: Node is not installed.
    RuntimeError: the page cannot answer; its text says why.
  """
  node = shutil.which("node")
  if node is None:
    raise FileNotFoundError("node")
  script = page_script.FOLDER / "proof.mjs"
  with tempfile.TemporaryDirectory() as folder:
    given = pathlib.Path(folder, "images")
    given.write_bytes(images.tobytes())
    done = subprocess.run(
      [node, script, page.resolve(), given, str(images.shape[1])],
      stdin=subprocess.DEVNULL,
      capture_output=True,
      text=True,
      check=False,
    )
  if done.returncode:
    said = [line for line in done.stderr.splitlines() if "Error" in line]
    raise RuntimeError(said[0] if said else f"exit code {done.returncode}")
  told = json.loads(done.stdout)
  found = {
    name: np.array([each[name] for each in told])
    for name in (answer_function.PROBABILITIES, answer_function.NOVELTY)
  }
  if told[0][answer_function.NOVELTY] is None:
    del found[answer_function.NOVELTY]
  return found
