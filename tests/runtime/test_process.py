"""What a process sets up: memory that stays, programs that are kept."""

import json
import os
import platform

import pytest
from conftest import eanet, run

from eanet_jax.runtime import process


def environment(**changed):
  """Of a process that has no say in the cache of compiled programs yet."""
  kept = {k: v for k, v in os.environ.items() if "CACHE" not in k}
  return {**kept, **{k: str(v) for k, v in changed.items()}}


def settings_of(**changed):
  """What JAX makes of the environment once `process.prepare` has been."""
  code = (
    "import json; from eanet_jax.runtime import process; process.prepare();"
    "import jax;"
    "print(json.dumps([jax.config.jax_compilation_cache_dir,"
    " jax.config.jax_enable_compilation_cache]))"
  )
  done = run("-c", code, env=environment(**changed))
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)


def test_programs_are_kept_by_jaxlib_and_processor(tmp_path):
  from importlib import metadata

  folder, enabled = settings_of(XDG_CACHE_HOME=tmp_path)
  assert enabled
  assert folder.startswith(str(tmp_path / "eanet_jax" / "jaxlib-"))
  assert metadata.version("jaxlib") in folder
  assert folder.endswith(process._processor())


def test_the_cache_goes_where_it_is_told(tmp_path):
  folder, _ = settings_of(EANET_COMPILATION_CACHE=tmp_path / "here")
  assert folder.startswith(str(tmp_path / "here"))


def test_the_cache_can_be_switched_off():
  assert settings_of(EANET_COMPILATION_CACHE="off") == [None, False]


def test_jaxs_own_variable_goes_before(tmp_path):
  folder, _ = settings_of(JAX_COMPILATION_CACHE_DIR=tmp_path)
  assert folder == str(tmp_path)


def predict(trained, drawn_folder, tmp_path, cache):
  image = sorted(drawn_folder.rglob("*.bmp"))[0]
  out = tmp_path / "predictions.csv"
  done = eanet(
    "predict",
    trained,
    image,
    "--out",
    out,
    env=environment(EANET_COMPILATION_CACHE=cache, PYTHONPATH="."),
  )
  assert done.returncode == 0, done.stderr
  return out.read_text(), done.stderr


@pytest.fixture(scope="module")
def expected(trained, drawn_folder, tmp_path_factory):
  """What is predicted without a cache."""
  folder = tmp_path_factory.mktemp("off")
  return predict(trained, drawn_folder, folder, "off")[0]


def test_kept_programs_predict_the_same_and_a_spoilt_cache_does_no_harm(
  trained, drawn_folder, tmp_path, expected
):
  arguments = trained, drawn_folder, tmp_path
  cache = tmp_path / "cache"
  assert predict(*arguments, cache)[0] == expected
  entries = sorted(cache.rglob("jit_logits*-cache"))
  assert entries
  before = [entry.read_bytes() for entry in entries]
  kept, error = predict(*arguments, cache)
  assert kept == expected
  assert "rror" not in error
  assert "arning" not in error
  assert "loader" not in error
  assert [entry.read_bytes() for entry in entries] == before
  for entry, whole in zip(entries, before, strict=True):
    spoilt = bytearray(whole)
    for i in range(len(spoilt) // 2, len(spoilt), 97):
      spoilt[i] ^= 255
    entry.write_bytes(spoilt)
  assert predict(*arguments, cache)[0] == expected
  for entry, whole in zip(entries, before, strict=True):
    entry.write_bytes(whole[: len(whole) // 3])
  assert predict(*arguments, cache)[0] == expected


def test_a_cache_that_cannot_be_written_does_no_harm(
  trained, drawn_folder, tmp_path, expected
):
  (tmp_path / "file").write_text("no folder can be below this")
  cache = tmp_path / "file" / "cache"
  text, error = predict(trained, drawn_folder, tmp_path, cache)
  assert text == expected
  assert "rror" not in error
  assert "arning" not in error


def hits(cache, before="pass"):
  """How many programs a new process takes from a cache, of one it needs."""
  code = (
    f"import os; {before}; from eanet_jax.runtime import process;"
    "process.prepare(); import jax; found = [];"
    "jax.monitoring.register_event_listener("
    "  lambda name, **_: found.append(name));"
    "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0);"
    "jax.jit(lambda x: x * 3 + 1)(2.0);"
    "print(found.count('/jax/compilation_cache/cache_hits'))"
  )
  done = run("-c", code, env=environment(EANET_COMPILATION_CACHE=cache))
  assert done.returncode == 0, done.stderr
  return int(done.stdout)


def test_a_program_cut_by_a_kill_is_replaced(tmp_path):
  assert hits(tmp_path) == 0
  assert hits(tmp_path) == 1
  (entry,) = tmp_path.glob("*/*-cache")
  whole = entry.read_bytes()
  entry.write_bytes(whole[: len(whole) // 2])
  entry.with_name(entry.name.replace("-cache", "-atime")).unlink()
  assert hits(tmp_path) == 0
  assert hits(tmp_path) == 1


def test_programs_are_taken_from_a_folder_that_may_only_be_read(tmp_path):
  assert hits(tmp_path) == 0
  (used,) = tmp_path.glob("*/*-atime")
  written = used.stat().st_mtime_ns
  # As root may write anywhere, what the system says is changed instead.
  assert hits(tmp_path, "os.access = lambda *_: False") == 1
  assert used.stat().st_mtime_ns == written


def test_lines_of_standard_error_without_a_word_are_kept():
  code = (
    "import os; from eanet_jax.runtime import process\n"
    "with process._standard_error_without(b'noise'):\n"
    "  os.write(2, b'E1 noise: a page\\nE2 a fault\\n')\n"
    "os.write(2, b'after\\n')"
  )
  done = run("-c", code, env=environment(PYTHONPATH="."))
  assert done.stderr.splitlines() == ["E2 a fault", "after"]


FAULTS = """
import resource, sys, threading
from eanet_jax.runtime import process
if sys.argv[1] == "kept":
  process.keep_freed_memory()
faults = []
def fill():  # XLA allocates on threads of its own
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  bytes([1]) * (100 * 2**20)
  faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
for _ in range(3):
  thread = threading.Thread(target=fill)
  thread.start()
  thread.join()
print(faults[-1])
"""


@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="of glibc's malloc"
)
def test_freed_memory_is_there_again_without_page_faults():
  faults = {}
  for how in ("kept", "given back"):
    done = run("-c", FAULTS, how, env=environment(PYTHONPATH="."))
    assert done.returncode == 0, done.stderr
    faults[how] = int(done.stdout)
  if faults["given back"] < 1000:
    pytest.skip("the kernel gives huge pages to everyone here")
  assert faults["kept"] < 0.1 * faults["given back"], faults
