"""A workdir is one run's at a time, and a dead run holds none."""

import subprocess
import sys
import threading

import filelock
import pytest

from eanet_jax import errors
from eanet_jax.workdir import lock

_HOLD = """
import pathlib, sys, time
from eanet_jax.workdir import lock
with lock.held(pathlib.Path(sys.argv[1])):
  print("held", flush=True)
  time.sleep(300)
"""


def test_another_run_is_named_and_a_dead_one_holds_nothing(tmp_path):
  other = subprocess.Popen(
    [sys.executable, "-c", _HOLD, tmp_path], stdout=subprocess.PIPE, text=True
  )
  assert other.stdout.readline() == "held\n"
  says = f"in use by process {other.pid} on .* since .*: wait for that run"
  with pytest.raises(errors.UserError, match=says), lock.held(tmp_path):
    pass
  other.kill()
  other.communicate()
  with lock.held(tmp_path):
    pass
  with lock.held(tmp_path):
    pass


def test_a_run_that_began_at_the_same_moment_is_named(tmp_path):
  def names_itself():
    (tmp_path / ".lock-holder").write_text("process 1 on here")

  with filelock.FileLock(tmp_path / ".lock"):
    late = threading.Timer(0.2, names_itself)
    late.start()
    says = "in use by process 1 on here: "
    with pytest.raises(errors.UserError, match=says), lock.held(tmp_path):
      pass
    late.join()


def test_a_holder_that_cannot_be_read_is_another_run(tmp_path):
  (tmp_path / ".lock-holder").write_bytes(b"\xff\xfe")
  assert lock._holder(tmp_path) == "another run"
  assert lock._holder(tmp_path / "nowhere") == "another run"
