"""Prediction CSVs come back as they were written."""

import numpy as np

from eanet_jax.workdir import predictions_csv


def test_read_gives_what_was_written(tmp_path):
  names = ("file", 'b"\n,')  # class names that a CSV must survive
  written = predictions_csv.Predictions(
    files=np.array(["x.png", "latin-\udce9.png"]),
    specimens=np.array(["s,1", "s,2"]),
    labels=np.array([1, 0]),
    probabilities=np.array([[0.1, 1 / 3], [0.9, 0.1]]),
  )
  predictions_csv.write_test(tmp_path, written, names, "texture")
  assert (tmp_path / "test_predictions_texture.csv").exists()
  found = predictions_csv.read_test(tmp_path, names, "texture")
  assert found.files.tolist() == written.files.tolist()
  assert found.specimens.tolist() == ["s,1", "s,2"]
  assert found.labels.tolist() == [1, 0]
  assert found.probabilities.tolist() == written.probabilities.tolist()


def test_a_class_called_like_a_column_has_another_name_in_the_header():
  names = ["CPJ", "label", "file"]
  columns = ["CPJ", "label (class)", "file (class)"]
  assert predictions_csv.class_columns(names) == columns
  assert predictions_csv.by_column(names, [1, 2, 3]) == dict(
    zip(columns, [1.0, 2.0, 3.0], strict=True)
  )
