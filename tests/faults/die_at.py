"""Runs the program, and signals it at the n-th call of one of its functions.

  python tests/faults/die_at.py SIGNALS MODULE:FUNCTION N launch.py|eanet ...

SIGNALS are names, as SIGINT,SIGINT; with FUNCTION+ they come 5 ms after the
call has returned, while what it began goes on. With N 0 nothing is done.
"""

import functools
import importlib
import os
import pathlib
import pkgutil
import runpy
import signal
import sys
import threading
import time


def main(signals: str, function: str, call: str, *argv: str) -> None:
  """Patches the function and becomes the program."""
  from eanet_jax.runtime import process

  process.prepare()  # before anything imports JAX
  # As on a terminal, also where the faults are tried in the background.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  signal.signal(signal.SIGHUP, signal.SIG_DFL)
  if int(call):
    patch(function.removesuffix("+"), signals, int(call), function[-1] == "+")
  sys.argv = list(argv)
  sys.path[0] = str(pathlib.Path.cwd())
  if argv[0] == "eanet":
    from eanet_jax import cli

    sys.exit(cli.main())
  runpy.run_path(argv[0], run_name="__main__")


def patch(function: str, signals: str, call: int, after: bool) -> None:
  """Replaces a function by one that also counts and signals."""
  module, _, path = function.partition(":")
  importlib.import_module(module)
  path, _, name = path.rpartition(".")
  owner = pkgutil.resolve_name(f"{module}:{path}" if path else module)
  usual, calls = getattr(owner, name), 0
  counting = threading.Lock()  # some are called in threads

  def send() -> None:
    for each in signals.split(","):
      os.kill(os.getpid(), getattr(signal, each))

  @functools.wraps(usual)
  def signalling(*args, **kwargs):
    nonlocal calls
    with counting:
      calls += 1
      now = calls == call
    if now and not after:
      send()
    found = usual(*args, **kwargs)
    if now and after:
      time.sleep(0.005)
      send()
    return found

  setattr(owner, name, signalling)


if __name__ == "__main__":
  main(*sys.argv[1:])
