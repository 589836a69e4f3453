"""`eanet memory`, and names of slots in `eanet predict`: a small network."""

import csv
import html
import json
import re
import shutil

import pytest
from conftest import eanet


def rows(path):
  with path.open(newline="") as file:
    return list(csv.DictReader(file))


@pytest.fixture
def workdir(trained, tmp_path):
  """A copy of the trained run, to put names into."""
  return shutil.copytree(trained, tmp_path / "run")


def test_an_atlas_is_named_and_predicted_with(workdir, drawn_folder, tmp_path):
  done = eanet("memory", workdir)
  assert done.returncode == 0, done.stderr
  out = workdir / "memory"
  assert done.stdout.splitlines()[-1] == str(out / "index.html")
  page = (out / "index.html").read_text()
  assert not re.search(r'(?:src|href)="(?!data:|#)', page)
  assert "<script" not in page
  slots = rows(out / "slots.csv")
  assert len(slots) == 256
  by_head = {}
  for row in slots:
    head = row["slot"].partition("s")[0]
    by_head[head] = by_head.get(head, 0) + float(row["share"])
    assert row["dead"] == ("yes" if float(row["share"]) <= 0.001 else "no")
  assert len(by_head) == 16
  assert list(by_head.values()) == pytest.approx([1.0] * 16, abs=1e-3)

  names = rows(out / "names.csv")
  best = max(slots, key=lambda row: float(row["share"]))["slot"]
  memory = names[0]["memory"]
  table = workdir / "names.csv"
  table.write_text(f"slot,name,memory\n{best},<coarse> lath,{memory}\n")
  again = eanet("memory", workdir, drawn_folder, "--out", tmp_path / "atlas")
  assert again.returncode == 0, again.stderr
  assert "&lt;coarse&gt; lath" in (tmp_path / "atlas/index.html").read_text()
  assert "28 specimens" in again.stdout
  told, page = tmp_path / "told.csv", tmp_path / "told.html"
  some = [drawn_folder / "CPJ" / f"CPJ-{i}" for i in (1, 2)]
  done = eanet("predict", workdir, *some, "--out", told, "--report", page)
  assert done.returncode == 0, done.stderr
  of_folder = {}
  for row in rows(told):
    folder = row["file"].split("/")[-2]
    of_folder.setdefault(folder, []).append(
      float(row["share of <coarse> lath"])
    )
  one, two = (sum(of_folder[f"CPJ-{i}"]) / 3 for i in (1, 2))
  line = f"CPJ-1: {100 * one:.0f} % <coarse> lath, {one / two:.1f} x CPJ-2"
  assert done.stdout.splitlines()[0] == line
  shown = html.unescape(page.read_text())
  assert line in shown
  assert shown.count(" % <coarse> lath</div>") == 6
  both = tmp_path / "specimens.jsonl"
  again = eanet("predict", workdir, *some, "--out", both, "--level=specimen")
  assert again.returncode == 0, again.stderr
  found = [json.loads(text) for text in both.read_text().splitlines()]
  shares = [row["share of <coarse> lath"] for row in found]
  assert shares == pytest.approx([one, two], abs=1e-4)
  # Answers with other slots of that name are no part of one table.
  table.write_text("slot,name\nb1h16s1,<coarse> lath\n")
  resumed = eanet("predict", workdir, *some, "--out", told, "--resume")
  assert resumed.returncode == 2
  assert "is of another network" in resumed.stderr


def test_what_cannot_be_shown_is_told_in_a_line(workdir, tmp_path):
  for arguments, message in (
    (["--block", "7"], "no memory in block 7, only in 1"),
    (["--member", "2"], "keeps 1 network"),
    (["--out", workdir / "config.json"], "is a file"),
  ):
    done = eanet("memory", workdir, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
  table = workdir / "names.csv"
  for content, message in (
    ("slot,name\nb1h99s1,a\n", "has no slot b1h99s1"),
    ("slot,name\nm1b1h1s1,a\n", "has no slot m1b1h1s1"),
    ("slot,name,memory\nb1h1s1,a,sha-0\n", "named in another network"),
  ):
    table.write_text(content)
    done = eanet("predict", workdir, tmp_path, "--out", tmp_path / "p.csv")
    assert done.returncode == 2
    assert message in done.stderr
