"""The TFDS builder: its records hold the pixels of the files."""

import numpy as np
from made_files import two_classes
from PIL import Image

from eanet_jax.data import sem_steel, sources


def test_records_hold_the_pixels_of_the_files(tmp_path):
  folder = two_classes(tmp_path / "set")
  builder = sem_steel.SemSteel(
    config="folder", path=str(folder), data_dir=str(tmp_path / "tfds")
  )
  builder.download_and_prepare()
  examples = list(builder.as_dataset(split=sem_steel.SPLIT).as_numpy_iterator())
  assert len(examples) == 8
  assert builder.info.features["label"].names == ["bainite", "martensite"]
  for example in examples:
    file = folder / example["file"].decode()
    np.testing.assert_array_equal(
      example["image"][..., 0], np.asarray(Image.open(file))
    )
    assert example["um_per_px"] == -1
    assert example["crop_rows"] == 0
    assert example["specimen"].decode() == "/".join(file.parts[-3:-1])
  assert [f.suffix for f in tmp_path.rglob("*tfrecord*")]


def test_synthetic_is_the_default_and_keeps_the_scale(tmp_path):
  builder = sem_steel.SemSteel(
    source=sources.find("synthetic", images_per_specimen=1),
    data_dir=str(tmp_path),
  )
  builder.download_and_prepare()
  examples = list(builder.as_dataset(split=sem_steel.SPLIT).as_numpy_iterator())
  assert len(examples) == 28
  for example in examples:
    assert example["image"].shape == (512, 512, 1)  # the bar is gone
    assert example["crop_rows"] > 30
    assert 0.03 < example["um_per_px"] < 0.06
  assert sem_steel.SemSteel.BUILDER_CONFIGS[0].name == "synthetic"
