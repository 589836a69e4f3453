"""How views belong to micrographs and specimens, by hand."""

import numpy as np

from eanet_jax.data import view_store
from eanet_jax.evaluation import answers


def test_groups_labels_and_means_at_every_level():
  views = view_store.Views(
    images=np.zeros((7, 1, 1, 1), np.uint8),
    micrograph=np.array([0, 0, 1, 2, 2, 3, 3], np.int32),
    labels=np.array([0, 1, 1, 0], np.int32),
    specimens=("s", "t", "u", "s"),
    files=("f0", "f1", "f2", "f3"),
    class_names=("a", "b"),
    skipped=(),
    unmatched=(),
    digest="",
  )
  # Micrographs 3, 0 and 2, in no order.
  chosen = np.array([6, 0, 3, 1, 5, 4])
  p = np.array([0.2, 0.6, 0.9, 0.8, 0.4, 0.5])
  logits = np.log(np.stack([1 - p, p], -1))
  found = answers.Answers(views, chosen, logits)
  assert found.members.tolist() == [0, 2, 3]
  assert found.groups.tolist() == [2, 0, 1, 0, 2, 1]
  assert found.labels.tolist() == [0, 1, 0]
  assert found.files.tolist() == ["f0", "f2", "f3"]
  assert found.specimens.tolist() == ["s", "u", "s"]
  np.testing.assert_allclose(found.tile_probabilities[:, 1], p)
  np.testing.assert_allclose(found.probabilities[:, 1], [0.7, 0.7, 0.3])
  assert found.predicted.tolist() == [1, 1, 0]
  assert found.specimen_groups.tolist() == [0, 1, 0]
  assert found.specimen_labels.tolist() == [0, 1]
  np.testing.assert_allclose(found.specimen_probabilities[:, 1], [0.5, 0.7])
  assert found.has_tiles
  assert found.units.tolist() == [0, 1, 0]
