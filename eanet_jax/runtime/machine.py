"""The machine that a program runs on, as far as its numbers depend on it."""

import os
import pathlib
import platform

_CPUS = pathlib.Path("/proc/cpuinfo")  # of Linux
# What compilers and libraries choose their loops by.
_VECTORS = ("sse4_2", "avx", "avx2", "fma", "avx512", "amx", "neon", "asimd")


def facts() -> dict[str, str]:
  """Returns Python, system, processor and linear algebra, in words."""
  model, vectors = _processor()
  return {
    "python": f"{platform.python_implementation()} {platform.python_version()}",
    "system": f"{platform.system()} {platform.machine()}",
    "processor": model,
    "vector instructions": vectors,
    "cores": str(_cores()),
    "linear algebra": _linear_algebra(),
    "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
  }


def _processor() -> tuple[str, str]:
  """Its name, and which of the _VECTORS it has."""
  try:
    text = _CPUS.read_text(encoding="utf-8", errors="replace")
  except OSError:
    return platform.processor() or "unknown", "unknown"
  first: dict[str, str] = {}  # each core has a paragraph; they are alike
  for line in text.split("\n\n")[0].splitlines():
    name, _, value = line.partition(":")
    first[name.strip()] = value.strip()
  flags = first.get("flags", first.get("Features", "")).split()
  has = sorted(flag for flag in flags if flag.startswith(_VECTORS))
  name = first.get("model name") or platform.processor() or "unknown"
  return name, " ".join(has)


def _cores() -> int:
  """How many this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def _linear_algebra() -> str:
  """The libraries of NumPy and SciPy, and the loops they chose."""
  import scipy.linalg  # noqa: F401, loads what is asked about
  import threadpoolctl  # scikit-learn needs it

  found = {
    f"{each['internal_api']} {each['version']}"
    f" {each.get('architecture', '')} x {each['num_threads']}"
    for each in threadpoolctl.threadpool_info()
    if each["user_api"] == "blas"
  }
  return ", ".join(sorted(found))
