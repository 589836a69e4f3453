"""A job of several processes comes together, or loses one: the real program."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT, SMALL

from eanet_jax.runtime import peers

LOST = (
  "launch.py: another process of this job has ended or does not answer; the"
  " same commands resume where it was saved\n"
)


def free_port():
  """Returns a port of this machine that nobody listens at."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    return free.getsockname()[1]


def start(workdir, data_dir, numbers=(0, 1), port=None, *flags):
  """Starts processes of a job of two; returns them."""
  port = port or free_port()
  return [
    subprocess.Popen(
      [
        sys.executable,
        "launch.py",
        "--config=configs/eanet.py",
        f"--workdir={workdir}",
        f"--config.dataset.data_dir={data_dir}",
        *SMALL,
        "--config.train.epochs=400",
        f"--coordinator=127.0.0.1:{port}",
        "--num_processes=2",
        f"--process_id={number}",
        *flags,
      ],
      cwd=ROOT,
      env={**os.environ, "JAX_NUM_CPU_DEVICES": "1"},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in numbers
  ]


def ended(processes, timeout=120):
  """Returns exit codes and outputs; nothing outlives the test."""
  try:
    outputs = [each.communicate(timeout=timeout) for each in processes]
  finally:
    for each in processes:
      each.kill()
  return [each.returncode for each in processes], outputs


def wait_until_it_trains(processes):
  """Returns when the first process of a job has begun to train."""
  seen = ""
  while "time to train" not in seen:
    line = processes[0].stdout.readline()
    assert line, [each.communicate() for each in processes]
    seen += line
  time.sleep(2)


def test_ctrl_c_in_one_process_stops_and_saves_all(tmp_path, data_dir):
  # It is handed to JAX's preemption service as SIGTERM: that is tested too.
  workdir = tmp_path / "run"
  processes = start(workdir, data_dir)
  wait_until_it_trains(processes)
  processes[0].send_signal(signal.SIGINT)
  codes, outputs = ended(processes)
  assert codes == [128 + signal.SIGINT, 128 + signal.SIGTERM], outputs
  assert "the same command resumes" in outputs[0][0], outputs
  assert "Traceback" not in outputs[0][1] + outputs[1][1], outputs
  steps = [int(each.name) for each in (workdir / "checkpoints").iterdir()]
  assert max(steps) > 0
  assert not (workdir / "results.json").exists()


# Where the second is lost, the first hears of it from Python; where the first
# is lost, the second is ended by JAX's C++.
@pytest.mark.parametrize("lost", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_other_ends_with_one_line_where_one_is_killed(
  tmp_path, data_dir, lost
):
  processes = start(tmp_path / "run", data_dir)
  wait_until_it_trains(processes)
  processes[lost].kill()
  codes, outputs = ended(processes, timeout=60)
  other = 1 - lost
  assert codes[other] == peers.LOST_CODE, outputs
  said = outputs[other][1].splitlines(keepends=True)
  assert said[-1] == LOST, outputs
  known = ("compiling", "epoch ")
  assert all(line.startswith(known) for line in said[:-1]), outputs


@pytest.mark.parametrize("number", [0, 1])
def test_no_answer_is_one_line(tmp_path, data_dir, number):
  port = free_port()
  (process,) = start(tmp_path, data_dir, [number], port, "--join_timeout_s=1")
  (code,), ((_, said),) = ended([process], timeout=60)
  assert code == 2
  assert said.startswith(
    f"launch.py: --coordinator=127.0.0.1:{port}: the processes did not come"
  )
  assert len(said.splitlines()) == 1, said


def test_the_first_listens_at_the_address_given_alone(tmp_path, data_dir):
  port = free_port()
  processes = start(tmp_path, data_dir, [0], port)
  try:
    answers = False
    while not answers:
      assert processes[0].poll() is None
      with socket.socket() as there:
        answers = there.connect_ex(("127.0.0.1", port)) == 0
    # Of this machine as well: whoever listens to all interfaces answers.
    with socket.socket() as elsewhere:
      assert elsewhere.connect_ex(("127.0.0.2", port)) != 0
  finally:
    processes[0].kill()
    processes[0].communicate()
