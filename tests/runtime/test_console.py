"""What the console shows: progress on a terminal and in a log, and errors."""

import io
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

from eanet_jax import errors
from eanet_jax.runtime import console, progress


class Clock:
  """Stands for `time.monotonic`: moves when it is told to."""

  def __init__(self):
    self.now = 1000.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock(monkeypatch):
  found = Clock()
  monkeypatch.setattr(progress.time, "monotonic", found)
  return found


def test_the_rest_is_judged_by_what_this_process_did_after_the_first(clock):
  rest = progress.Rest(total=1000, done=500)
  assert rest.seconds is None
  clock.now += 60  # it compiles
  rest.add(10)
  assert rest.seconds is None
  clock.now += 2
  rest.add(10)
  assert rest.seconds == pytest.approx(480 * 2 / 10)


def test_two_that_are_done_at_once_are_no_rate(clock):
  rest = progress.Rest(total=1000)
  rest.add(1)
  clock.now += 1e-4
  rest.add(1)
  assert rest.seconds is None


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end(clock, capsys):
  with console.progress(total=100, unit="image") as bar:
    bar.begin("compiling")
    for i in range(100):
      clock.now += 2
      bar.update(1, stage=f"epoch {i // 50 + 1}/2")
      if i == 49:
        bar.tell("loss 0.412")
  out = capsys.readouterr()
  assert not out.out
  assert "\r" not in out.err
  lines = out.err.splitlines()
  assert lines[0] == "compiling"
  assert lines[1] == "epoch 1/2: 5 %, about 3 minutes left"
  assert "epoch 2/2: 60 %, loss 0.412, about a minute left" in lines
  assert lines[-1] == "epoch 2/2: 100 %, loss 0.412, took 3:20"
  assert len(lines) == 22


def test_short_work_is_silent_in_a_log(clock, capsys):
  assert list(console.progress([1, 2], unit="file", leave=False)) == [1, 2]
  with console.progress(total=9, disable=True) as bar:
    bar.begin("compiling")
    clock.now += 20
    bar.update(9)
  assert capsys.readouterr().err == ""


def test_what_is_skipped_is_no_part_of_the_rate(clock, capsys):
  with console.progress(total=100) as bar:
    bar.update()
    clock.now += 5
    bar.skip(49)
    clock.now += 5
    bar.update()
  assert capsys.readouterr().err == "51 %, about 8 minutes left\n"


def test_a_terminal_keeps_its_live_bar(monkeypatch):
  class Terminal(io.StringIO):
    def isatty(self):
      return True

  terminal = Terminal()
  monkeypatch.setattr(sys, "stderr", terminal)
  with console.progress(total=4, unit="image") as bar:
    bar.begin("compiling")
    bar.update(2, stage="epoch 1/2")
    bar.tell("loss 0.412")
    bar.update(2, stage="epoch 2/2")
  shown = terminal.getvalue().split("\r")
  assert any("compiling:   0%|" in each for each in shown)
  assert "?" not in terminal.getvalue()
  assert "epoch 2/2: 100%|" in shown[-1]
  assert "4/4" in shown[-1]
  assert "loss 0.412" in shown[-1]


def test_no_number_of_the_operating_system_is_shown(capsys, monkeypatch):
  def fails(argv):
    pathlib.Path("/nowhere/at/all").read_text()

  monkeypatch.setattr(
    sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
  )
  assert console.guarded(fails, ["launch.py"]) == 2
  said = capsys.readouterr().err
  assert said == "launch.py: /nowhere/at/all: No such file or directory\n"
  assert errors.reason(OSError(28, "No space left on device")) == (
    "No space left on device"
  )


def test_an_error_does_nothing_to_the_terminal(capsys):
  def fail(_):
    raise errors.UserError("a\x1b[2Jb.tif: is empty")

  assert console.guarded(fail, ["eanet"]) == 2
  assert capsys.readouterr().err == "eanet: a\\x1b[2Jb.tif: is empty\n"


def test_an_interrupt_waits_for_no_thread():
  program = """
    import sys, threading, time
    from eanet_jax.runtime import console

    def main(argv):
      print("begun")
      threading.Thread(target=time.sleep, args=(120,)).start()
      raise KeyboardInterrupt

    sys.exit(console.guarded(main, sys.argv))
  """
  done = subprocess.run(
    [sys.executable, "-c", textwrap.dedent(program)],
    capture_output=True,
    text=True,
    timeout=60,
  )
  found = (done.returncode, done.stdout, done.stderr)
  assert found == (130, "begun\n", "interrupted\n")


def test_a_second_ctrl_c_ends_a_run_that_is_being_saved():
  program = """
    import signal, sys, threading, time
    from eanet_jax import errors
    from eanet_jax.runtime import console

    def main(argv):
      with console.stop_signals() as stop_signal:
        signal.raise_signal(signal.SIGINT)
        print("asked", stop_signal())
      threading.Thread(target=time.sleep, args=(120,)).start()  # saves
      signal.raise_signal(signal.SIGINT)
      raise errors.Stopped(stop_signal())

    sys.exit(console.guarded(main, sys.argv))
  """
  done = subprocess.run(
    [sys.executable, "-u", "-c", textwrap.dedent(program)],
    capture_output=True,
    text=True,
    timeout=60,
  )
  found = (done.returncode, done.stdout, done.stderr)
  assert found == (130, "asked 2\n", "interrupted\n")


def alone(program, *command, **kwargs):
  """Runs a program as one process, from a command if one is given."""
  return subprocess.run(
    [*command, sys.executable, "-c", textwrap.dedent(program)],
    stderr=subprocess.PIPE,
    text=True,
    timeout=60,
    **kwargs,
  )


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGHUP")
def test_a_closed_terminal_asks_to_stop_and_may_say_it_twice():
  program = """
    import signal, sys
    from eanet_jax import errors
    from eanet_jax.runtime import console

    def main(argv):
      with console.stop_signals() as stop_signal:
        signal.raise_signal(signal.SIGHUP)
        print("asked", stop_signal())
      signal.raise_signal(signal.SIGHUP)  # the shell's
      print("saved")
      raise errors.Stopped(stop_signal())

    sys.exit(console.guarded(main, sys.argv))
  """
  done = alone(program, stdout=subprocess.PIPE)
  assert done.returncode == 128 + signal.SIGHUP
  assert done.stdout.startswith("asked 1\nsaved\nstopped; ")
  done = alone(program, "nohup", stdout=subprocess.PIPE)
  assert "asked 0" in done.stdout  # it outlives the terminal


def test_work_goes_on_when_the_reader_of_its_output_has_gone():
  program = """
    import sys
    from eanet_jax.runtime import console

    def main(argv):
      for _ in range(3):
        print("x" * 9000)
        console.say("said")
        print("y" * 9000, file=sys.stderr)
      return 7

    sys.exit(console.guarded(main, sys.argv))
  """
  read, write = os.pipe()
  os.close(read)
  done = alone(program, stdout=write)
  os.close(write)
  assert done.returncode == 7
  assert done.stderr == ("y" * 9000 + "\n") * 3
