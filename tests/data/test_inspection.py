"""What `eanet inspect` tells of files, alone and beside the others."""

import csv

import numpy as np
import pytest
from conftest import eanet
from made_files import WIDTH, fei, panel, save, save_tiff, specimen, with_bar
from PIL import Image, ImageFilter

from eanet_jax.data import inspection, picture_facts


def rows_of(table):
  with table.open(newline="") as file:
    return {row["file"].rpartition("/")[2]: row for row in csv.DictReader(file)}


def test_each_file_has_a_row_that_says_what_told_it(tmp_path):
  files = tmp_path / "files"
  files.mkdir()
  text = fei(WIDTH, 160, 0.25)
  save_tiff(files / "fei.tif", with_bar(), [(34682, text)])
  save(files / "looks.png", with_bar())
  save(files / "none.png", specimen())
  (files / "text.png").write_text("no picture")
  out = tmp_path / "sheet.png"
  done = eanet("inspect", files, "--out", out)
  assert done.returncode == 1
  rows = rows_of(tmp_path / "sheet.csv")
  assert tuple(rows["fei.tif"]) == inspection.COLUMNS
  found = {
    name: (row["bar_rows"], row["bar_from"], row["um_per_px"], row["um_from"])
    for name, row in rows.items()
  }
  assert found == {
    "fei.tif": ("24", "tag", "0.25", "tag"),
    "looks.png": ("24", "looks", "", "none"),
    "none.png": ("0", "none", "", "none"),
    "text.png": ("", "", "", ""),
  }
  assert "text" in rows["text.png"]["error"]
  assert rows["none.png"]["mean"] == str(round(specimen().mean(), 1))
  with Image.open(out) as sheet:
    assert sheet.width == 4 * 248


def test_the_user_has_the_last_word(tmp_path):
  save(tmp_path / "a.png", with_bar())
  out = tmp_path / "sheet.png"
  told = ("--bar-rows=30", "--um-per-px=0.5")
  assert eanet("inspect", tmp_path, "--out", out, *told).returncode == 0
  row = rows_of(tmp_path / "sheet.csv")["a.png"]
  assert (row["bar_rows"], row["bar_from"]) == ("30", "told")
  assert (row["um_per_px"], row["um_from"]) == ("0.5", "told")
  for wrong in ("--bar-rows=-1", "--bar-rows=many", "--um-per-px=0"):
    done = eanet("inspect", tmp_path / "a.png", wrong)
    assert done.returncode == 2
    assert wrong.partition("=")[0] in done.stderr


def test_many_files_are_in_the_table_and_the_odd_ones_are_shown(
  tmp_path, monkeypatch
):
  from eanet_jax.commands import inspect

  monkeypatch.setattr(inspect, "_SHOWN", 3)
  monkeypatch.setattr(inspect, "_DRAWN", 2)
  files = tmp_path / "files"
  files.mkdir()
  for i in range(5):
    levels = {"mean": 5, "spread": 4} if i == 3 else {}
    save(files / f"{i}.png", specimen(seed=i, **levels))
  out = tmp_path / "sheet.png"
  done = eanet("inspect", files, "--out", out)
  assert done.returncode == 0
  odd, more, summary = done.stdout.splitlines()
  assert odd.startswith(str(files / "3.png"))
  assert more == f"4 more files: {tmp_path / 'sheet.csv'}"
  assert "without the last 3" in summary
  assert len(rows_of(tmp_path / "sheet.csv")) == 5


def test_the_table_is_not_written_over_the_picture(tmp_path):
  save(tmp_path / "a.png", specimen())
  done = eanet("inspect", tmp_path / "a.png", "--out", tmp_path / "a.csv")
  assert done.returncode == 2
  assert "PNG" in done.stderr


def test_a_table_of_the_user_is_not_written_over(tmp_path):
  save(tmp_path / "a.png", specimen())
  labels = tmp_path / "labels.csv"
  for content in (b"file,class\na.png,bainite\n", b"", b"\xff\x00"):
    labels.write_bytes(content)
    done = eanet("inspect", tmp_path, "--out", tmp_path / "labels.png")
    assert done.returncode == 2
    assert "labels.csv" in done.stderr
    assert labels.read_bytes() == content
    assert not (tmp_path / "labels.png").exists()
  labels.unlink()
  for _ in range(2):  # its own it does write over
    done = eanet(
      "inspect", tmp_path / "a.png", "--out", tmp_path / "labels.png"
    )
    assert done.returncode == 0, done.stderr


def test_facts_are_those_of_numpy():
  image = specimen(seed=3)
  found = picture_facts.measure(image)
  assert (found.height, found.width) == image.shape
  assert found.mean == pytest.approx(image.mean())
  assert found.std == pytest.approx(image.std())
  assert found.levels == len(np.unique(image))
  assert found.low == np.sort(image.ravel())[int(np.ceil(image.size / 100)) - 1]
  assert found.saturated == np.mean(image == 255)


@pytest.mark.parametrize(
  ("image", "says"),
  [
    (specimen(mean=5, spread=4), "nearly black"),
    (specimen(mean=250, spread=4), "nearly white"),
    (specimen() // 16 * 16, "only 16 grey levels"),
    (specimen(mean=200, spread=60), "saturated"),
  ],
)
def test_an_odd_picture_is_remarked_on(image, says):
  assert any(
    remark.startswith(says)
    for remark in picture_facts.remarks(picture_facts.measure(image))
  )


def test_a_usual_picture_is_not():
  assert picture_facts.remarks(picture_facts.measure(specimen())) == []


def steel(seed, blur=0.0):
  """Grains of many sizes, as in focus, with the noise of a detector."""
  rng = np.random.default_rng(seed)
  grains = sum(
    np.asarray(
      Image.fromarray(
        rng.normal(0, 1, (300 // px + 1,) * 2).astype(np.float32)
      ).resize((300, 300), Image.Resampling.BICUBIC)
    )
    for px in (3, 6, 12, 24)
  )
  levels = np.clip(np.rint(120 + 25 * grains), 0, 255).astype(np.uint8)
  picture = Image.fromarray(levels).filter(ImageFilter.GaussianBlur(blur))
  noise = rng.normal(0, 6, (300, 300))
  return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)


def test_what_is_out_of_focus_is_found_beside_the_others():
  sharp = [picture_facts.sharpness(steel(seed)) for seed in range(12)]
  soft = picture_facts.sharpness(steel(12, blur=5))
  assert picture_facts.blurred([*sharp, soft]) == [False] * 12 + [True]
  assert picture_facts.blurred(sharp) == [False] * 12
  assert picture_facts.blurred([*sharp[:3], soft]) == [False] * 4  # too few


def test_a_copy_is_named_beside_what_it_is_of(tmp_path):
  picture = steel(0)
  save(tmp_path / "a.png", picture)
  save(tmp_path / "b.png", steel(1))
  small = Image.fromarray(picture).resize((200, 200))
  small.save(tmp_path / "c.jpg", quality=80)
  done = eanet("inspect", tmp_path, "--out", tmp_path / "sheet.png")
  assert done.returncode == 0
  rows = rows_of(tmp_path / "sheet.csv")
  assert rows["c.jpg"]["remarks"] == f"the same picture as {tmp_path}/a.png"
  assert rows["a.png"]["remarks"] == rows["b.png"]["remarks"] == ""


def test_a_bar_is_no_part_of_the_facts(tmp_path):
  save(tmp_path / "bar.png", with_bar())
  save(tmp_path / "none.png", specimen())
  assert len(panel()) == 24
  done = eanet("inspect", tmp_path, "--out", tmp_path / "sheet.png")
  assert done.returncode == 0
  rows = rows_of(tmp_path / "sheet.csv")
  for name in ("mean", "std", "height"):
    assert rows["bar.png"][name] == rows["none.png"][name]
