"""What a process sets up for JAX: its memory, its compiled programs.

`eanet` and launch.py call `prepare` before they import anything heavy. It
imports nothing heavy itself and changes no result.
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
_CACHE_BYTES = 512 * 2**20  # beyond it the least recently used are deleted
# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def prepare() -> None:
  """Keeps freed memory and compiled programs to be used again.

  Numbers have 32 bits here, whatever JAX_ENABLE_X64 says to other programs.
  """
  os.environ["JAX_ENABLE_X64"] = "0"
  keep_freed_memory()
  keep_compiled_programs()


def keep_freed_memory() -> None:
  """Makes malloc keep freed memory instead of returning it each time.

  XLA takes all temporary memory of a training step at once, 140 MB of it, and
  frees it at the end. By default glibc asks the kernel for it anew each time,
  which hands it over as 36,000 zeroed pages: a third of a step's time.
  """
  if platform.libc_ver()[0] != "glibc":
    return  # macOS and musl do not need it
  mallopt = ctypes.CDLL(None).mallopt
  largest = 2**31 - 1
  # One arena: other threads' arenas hold at most 64 MB, and map the rest.
  mallopt(_M_ARENA_MAX, 1)
  mallopt(_M_MMAP_THRESHOLD, 2**30)
  mallopt(_M_TRIM_THRESHOLD, largest)


def keep_compiled_programs() -> None:
  """Tells JAX to keep what it compiles in a folder, and to look there first.

  There is one for each version of jaxlib and each kind of processor: a program
  compiled for another processor may have instructions that this one lacks. JAX
  compiles again what it cannot read, and goes on if it cannot write. A folder
  that may only be read is of use too. JAX's own variables,
  JAX_COMPILATION_CACHE_DIR and the like, take precedence.
  """
  chosen = os.environ.get(CACHE_VARIABLE, "")
  if chosen == "off":
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    return
  # A folder that cannot be used only costs time, which needs no warning.
  warnings.filterwarnings(
    "ignore", "Error (reading|writing) persistent compilation cache"
  )
  home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  root = pathlib.Path(chosen or f"{home}/eanet_jax").expanduser().absolute()
  folder = root / f"jaxlib-{metadata.version('jaxlib')}-{_processor()}"
  # With a limit JAX writes down when each program was last used, and uses none
  # where it cannot.
  writable = not folder.is_dir() or os.access(folder, os.W_OK)
  if writable:
    _remove_interrupted(folder)
  for name, value in {
    "JAX_COMPILATION_CACHE_DIR": folder,
    "JAX_COMPILATION_CACHE_MAX_SIZE": _CACHE_BYTES if writable else -1,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": 0.05,
  }.items():
    os.environ.setdefault(name, str(value))


def _remove_interrupted(folder: pathlib.Path) -> None:
  """Removes the compiled programs whose writing was interrupted.

  JAX would find them damaged each time and never replace them; nor keep any
  other, as it needs the time of last use, which it writes next, of all of them.
  """
  interrupted = [
    path
    for path in folder.glob("*-cache")
    if not path.with_name(f"{path.name.removesuffix('-cache')}-atime").exists()
  ]
  if not interrupted:
    return
  import filelock  # late, as it is hardly ever needed

  # JAX's own lock: another process may just be writing them.
  with (
    contextlib.suppress(filelock.Timeout, OSError),
    filelock.FileLock(folder / ".lockfile", timeout=0),
  ):
    for path in interrupted:
      path.unlink(missing_ok=True)


def hush_loader() -> None:
  """Keeps jaxlib 0.10 from logging a page for each kept program it loads.

  The page, which no log level or variable turns off, says that a program was
  compiled with tuning hints that are not features of the processor, and could
  run illegal instructions. Later versions do not log it. Imports JAX.
  """
  if not metadata.version("jaxlib").startswith("0.10."):
    return
  from jax._src import compilation_cache  # no public name can be wrapped

  load = compilation_cache.get_executable_and_time
  if hasattr(load, "__wrapped__"):  # done before
    return
  one_at_a_time = threading.Lock()  # there is only one standard error

  @functools.wraps(load)
  def load_quietly(*args: Any, **kwargs: Any) -> Any:
    with one_at_a_time, _standard_error_without(b"cpu_aot_loader"):
      return load(*args, **kwargs)

  compilation_cache.get_executable_and_time = load_quietly


@contextlib.contextmanager
def _standard_error_without(word: bytes) -> Iterator[None]:
  """Holds standard error back, then writes its lines that lack a word."""
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
  """Returns eight hex digits that stand for this machine's instructions."""
  try:
    found = pathlib.Path("/proc/cpuinfo").read_text()
  except OSError:
    found = ""
  of_kind = re.findall(r"^(?:model name|flags|Features)\s*:.*", found, re.M)
  known = [sys.platform, platform.machine(), *sorted(set(of_kind))]
  return hashlib.sha256("\n".join(known).encode()).hexdigest()[:8]
