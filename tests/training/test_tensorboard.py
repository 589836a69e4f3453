"""Scalars come back from the files as they went in, without TensorFlow."""

from conftest import run

WRITE = """
import pathlib, sys
from eanet_jax.training import tensorboard
writer = tensorboard.TensorBoard(pathlib.Path(sys.argv[1]))
writer.write(3, {"loss": 0.5, "accuracy": 0.25})
writer.write(6, {"loss": 0.125, "accuracy": 1.0})
assert "tensorflow" not in sys.modules
"""


def test_scalars_come_back_by_name_and_step(tmp_path):
  from tensorboard.backend.event_processing import event_accumulator

  done = run("-c", WRITE, str(tmp_path / "new"))
  assert done.returncode == 0, done.stderr
  read = event_accumulator.EventAccumulator(str(tmp_path / "new"))
  read.Reload()
  found = {
    name: [(e.step, e.tensor_proto.float_val[0]) for e in read.Tensors(name)]
    for name in read.Tags()["tensors"]
  }
  assert found == {
    "loss": [(3, 0.5), (6, 0.125)],
    "accuracy": [(3, 0.25), (6, 1.0)],
  }
