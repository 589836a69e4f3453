"""kernels.wasm is what kernels.c says."""

import importlib.metadata
import re
import shlex
import subprocess
import sys

import pytest

from eanet_jax.exporting import page_script

SOURCE = page_script.FOLDER / "kernels.c"


def test_the_binary_is_made_of_the_source(tmp_path):
  pytest.importorskip("ziglang")
  text = SOURCE.read_text()
  version = re.search(r"ziglang==([\d.]+)", text)[1]
  if importlib.metadata.version("ziglang") != version:
    pytest.skip(f"it was made with ziglang {version}")
  command = re.search(r"python -m ziglang[^*]*", text)[0].replace("\\\n", " ")
  words = shlex.split(command)
  words[0], words[-2:] = sys.executable, [str(tmp_path / "k.wasm"), str(SOURCE)]
  subprocess.run(words, check=True)
  made = (tmp_path / "k.wasm").read_bytes()
  assert made == SOURCE.with_suffix(".wasm").read_bytes()
