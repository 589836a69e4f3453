"""Many processes: the same command, the same results as one process."""

import json
import socket
import subprocess
import sys

import jax
import numpy as np
from conftest import ROOT, SMALL
from jax.sharding import PartitionSpec

from eanet_jax import sharding


def test_put_and_fetch_are_inverse():
  mesh = sharding.data_mesh()
  array = np.arange(24).reshape(2, 12)
  whole = sharding.put(array, sharding.replicated(mesh))
  np.testing.assert_array_equal(sharding.fetch(whole), array)
  split = sharding.put(array, sharding.split_axis(mesh, 1))
  np.testing.assert_array_equal(np.asarray(split), array)
  assert split.sharding.spec == PartitionSpec(None, "data")


def test_state_lives_on_every_device():
  mesh = sharding.data_mesh()
  assert mesh.size == jax.device_count()
  assert mesh.axis_names == ("data",)


def test_two_processes_train_one_network(tmp_path, data_dir):
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
  processes = [
    subprocess.Popen(
      [
        sys.executable,
        "launch.py",
        "--config=configs/eanet.py",
        f"--workdir={tmp_path / 'run'}",
        f"--config.dataset.data_dir={data_dir}",
        *SMALL,
        f"--coordinator=127.0.0.1:{port}",
        "--num_processes=2",
        f"--process_id={process_id}",
      ],
      cwd=ROOT,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for process_id in range(2)
  ]
  outputs = [process.communicate(timeout=300) for process in processes]
  for process, (_, error) in zip(processes, outputs, strict=True):
    assert process.returncode == 0, error
  assert "on 2 x cpu" in outputs[0][0]
  assert "macro f1" not in outputs[1][0]  # one process speaks for all
  result = json.loads((tmp_path / "run" / "results.json").read_text())
  assert result["device"] == "2 x cpu"
