"""A SavedModel answers as the network; it has the class names."""

import os

import pytest
from conftest import eanet


@pytest.mark.slow  # TensorFlow is imported twice, and compiles for each size
def test_the_command_writes_a_folder_with_the_class_names(trained, tmp_path):
  tf = pytest.importorskip("tensorflow")
  out = tmp_path / "steel.savedmodel"
  command = ("export", str(trained), "--format=savedmodel", f"--out={out}")
  # Of its own: TensorFlow cannot save where warnings are errors.
  done = eanet(*command, env=dict(os.environ))
  assert done.returncode == 0, done.stderr
  assert "all labels equal" in done.stdout
  names = tf.saved_model.load(str(out)).class_names.numpy()
  assert [name.decode() for name in names] == ["CPJ", "HR", "P92"]
