"""A job of several processes is stopped: the real program."""

import os
import signal
import socket
import subprocess
import sys
import time

from conftest import ROOT, SMALL


def start(workdir, data_dir):
  """Starts a job of two processes; returns them."""
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
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
      ],
      cwd=ROOT,
      env={**os.environ, "JAX_NUM_CPU_DEVICES": "1"},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for number in range(2)
  ]


def ended(processes, timeout=120):
  """Returns exit codes and outputs; nothing outlives the test."""
  try:
    outputs = [each.communicate(timeout=timeout) for each in processes]
  finally:
    for each in processes:
      each.kill()
  return [each.returncode for each in processes], outputs


def test_ctrl_c_in_one_process_stops_and_saves_all(tmp_path, data_dir):
  # It is handed to JAX's preemption service as SIGTERM: that is tested too.
  workdir = tmp_path / "run"
  processes = start(workdir, data_dir)
  seen = ""
  while "time to train" not in seen:
    line = processes[0].stdout.readline()
    assert line, [each.communicate() for each in processes]
    seen += line
  time.sleep(2)  # now it trains
  processes[0].send_signal(signal.SIGINT)
  codes, outputs = ended(processes)
  assert codes == [128 + signal.SIGINT, 128 + signal.SIGTERM], outputs
  assert "the same command resumes" in outputs[0][0], outputs
  assert "Traceback" not in outputs[0][1] + outputs[1][1], outputs
  steps = [int(each.name) for each in (workdir / "checkpoints").iterdir()]
  assert max(steps) > 0
  assert not (workdir / "results.json").exists()
