"""What a process sets up for JAX: its memory, its compiled programs.

`prepare` is called by the front doors, before anything else is imported.
Imports nothing heavy, changes no result.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import pathlib
import platform
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from importlib import metadata
from typing import Any

# A folder, or "off"; by default ~/.cache/eanet_jax.
CACHE_VARIABLE = "EANET_COMPILATION_CACHE"
_CACHE_BYTES = 512 * 2**20  # what was not used for longest is deleted
# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def prepare() -> None:
  """Keeps freed memory and compiled programs for those who want them again."""
  keep_freed_memory()
  keep_compiled_programs()


def keep_freed_memory() -> None:
  """Makes malloc keep what is freed, instead of giving it back each time.

  XLA takes all temporary memory of a training step at once, 140 MB of it, and
  frees it at the end. By default glibc asks the kernel for it anew each time,
  which hands it over as 36,000 zeroed pages: a third of a step's time.
  """
  if platform.libc_ver()[0] != "glibc":
    return  # macOS and musl manage without
  mallopt = ctypes.CDLL(None).mallopt
  largest = 2**31 - 1
  # One arena: those of other threads hold at most 64 MB, and map the rest.
  mallopt(_M_ARENA_MAX, 1)
  mallopt(_M_MMAP_THRESHOLD, 2**30)
  mallopt(_M_TRIM_THRESHOLD, largest)


def keep_compiled_programs() -> None:
  """Tells JAX to keep what it compiles in a folder, and to look there first.

  A folder for each version of jaxlib and each kind of processor: a program
  compiled for another processor may have instructions that this one lacks. JAX
  compiles again whatever it cannot read, and goes on where it cannot write.
  JAX's own variables, JAX_COMPILATION_CACHE_DIR and the like, go before.
  """
  chosen = os.environ.get(CACHE_VARIABLE, "")
  if chosen == "off":
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    return
  # A folder that cannot be used costs time, and is nothing to read about.
  warnings.filterwarnings(
    "ignore", "Error (reading|writing) persistent compilation cache"
  )
  home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  root = pathlib.Path(chosen or f"{home}/eanet_jax").expanduser().absolute()
  folder = root / f"jaxlib-{metadata.version('jaxlib')}-{_processor()}"
  for name, value in {
    "JAX_COMPILATION_CACHE_DIR": folder,
    "JAX_COMPILATION_CACHE_MAX_SIZE": _CACHE_BYTES,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0.05,
  }.items():
    os.environ.setdefault(name, str(value))


def hush_loader() -> None:
  """Keeps jaxlib 0.10 from logging a page for each kept program it loads.

  It logs, where no level or variable reaches, that a program was compiled with
  tuning hints that are no features of a processor, and that this could end in
  illegal instructions; later versions know better. Once JAX is imported.
  """
  if not metadata.version("jaxlib").startswith("0.10."):
    return
  from jax._src import compilation_cache  # no public name of it can be wrapped

  load = compilation_cache.get_executable_and_time
  if hasattr(load, "__wrapped__"):  # done before
    return
  one_at_a_time = threading.Lock()  # there is one standard error

  @functools.wraps(load)
  def load_quietly(*args: Any, **kwargs: Any) -> Any:
    with one_at_a_time, _standard_error_without(b"cpu_aot_loader"):
      return load(*args, **kwargs)

  compilation_cache.get_executable_and_time = load_quietly


@contextlib.contextmanager
def _standard_error_without(word: bytes) -> Iterator[None]:
  """Holds file 2 back, then writes the lines of it that lack a word."""
  sys.stderr.flush()
  usual = os.dup(2)
  with tempfile.TemporaryFile() as held:
    os.dup2(held.fileno(), 2)
    try:
      yield
    finally:
      sys.stderr.flush()
      os.dup2(usual, 2)
      os.close(usual)
      held.seek(0)
      for line in held:
        if word not in line:
          os.write(2, line)


def _processor() -> str:
  """Returns eight letters that stand for the instructions of this machine."""
  try:
    found = pathlib.Path("/proc/cpuinfo").read_text()
  except OSError:
    found = ""
  of_kind = re.findall(r"^(?:model name|flags|Features)\s*:.*", found, re.M)
  known = [sys.platform, platform.machine(), *sorted(set(of_kind))]
  return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]
