"""A page of predictions: who is shown, in which order, and what is drawn."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from eanet_jax.data import micrographs, thumbnails
from eanet_jax.inference import predictions
from eanet_jax.reporting import gallery, html_pages

GREY = thumbnails.of(
  micrographs.Micrograph(np.full((220, 330), 128, np.uint8), 0, None)
)


def answer(file, probability, label="a", **changes):
  return predictions.Prediction(
    file,
    label,
    probability,
    np.array([probability, 1 - probability]),
    **changes,
  )


def shown_of(answers, *, names=("a", "b"), tile_px=None, thumbnail=GREY):
  shown = gallery.Gallery(names, tile_px, lambda _: thumbnail)
  for each in answers:
    shown.add(each)
  return shown


def test_the_least_sure_are_shown_whatever_the_order(monkeypatch):
  monkeypatch.setattr(gallery, "_MOST_OF_GROUP", 3)
  rng = np.random.default_rng(0)
  sureness = rng.permutation(np.linspace(0.5, 1, 200))
  shown = shown_of([answer(f"{p:.4f}", p) for p in sureness])
  (group,) = shown.contents("run")["groups"]
  assert group["count"] == 200
  files = [each["file"] for each in group["shown"]]
  assert files == [f"{p:.4f}" for p in sorted(sureness)[:3]]


def test_pages_of_many_classes_stay_small():
  names = [f"class {i}" for i in range(1000)]
  answers = [answer(f"{i}", 0.5, names[i % 1000]) for i in range(4000)]
  groups = shown_of(answers, names=names).contents("run")["groups"]
  assert sum(len(each["shown"]) for each in groups) == 1000
  assert sum(each["count"] for each in groups) == 4000


def test_a_page_has_foreign_ones_first_and_counts_all(tmp_path, monkeypatch):
  monkeypatch.setattr(gallery, "_MOST_OF_GROUP", 1)
  answers = [
    answer("sure.png", 0.99996, novelty=0.2),
    answer(
      "unsure.png",
      0.61,
      novelty=0.9,
      verdict="unsure",
      remarks=("enlarged 3 times",),
      trained_on="a/1/own.png",
    ),
    answer("strange.png", 0.9, novelty=1.5, verdict="foreign"),
    answer(
      "<b>stranger</b>.png",
      0.9,
      "b",
      novelty=2.5,
      verdict="foreign",
      reason="novelty 2.5",
    ),
    predictions.Prediction("bad.png", error="the file is empty"),
  ]
  path = tmp_path / "page.html"
  html_pages.write_predictions(path, shown_of(answers), tmp_path)
  text = path.read_text()
  for part in (
    "4 micrographs classified",
    "Foreign: 2",
    "novelty 2.5",
    "<div>unsure, ",  # the verdict, which novelty alone does not decide
    "trained on, as a/1/own.png",
    "1 is of those that it was trained on",
    "&lt;b&gt;stranger&lt;/b&gt;.png",
    "The 1 most doubtful of 2",
    "a: 2",
    "a, 61",
    "enlarged 3 times",
    "Not usable: 1",
    "the file is empty",
  ):
    assert part in text, part
  assert text.index("stranger") < text.index("unsure.png")
  assert "Micrograph strange.png" not in text  # the stranger one is shown
  assert "sure.png" not in text.replace("unsure.png", "")
  assert text.count("data:image/jpeg") == 2 and "b: " not in text


def test_tiles_are_tinted_where_they_lie():
  # Tiles of 100 px of 220 x 330: 2 x 3, begun at (10, 15); on the picture, of
  # 128 x 192, each is 58 px wide.
  logits = np.zeros((6, 2), np.float32)
  logits[:, 0] = [50, -50, 50, -50, 50, -50]
  shown = shown_of([answer("x", 0.5, logits=logits)], tile_px=100)
  (group,) = shown.contents("run")["groups"]
  content = base64.b64decode(group["shown"][0]["picture"].partition(",")[2])
  picture = np.asarray(Image.open(io.BytesIO(content)), np.float32)
  assert picture.shape == (128, 192, 3)
  for i in range(2):
    for j in range(3):
      red, _, blue = picture[6 + 58 * i + 29, 9 + 58 * j + 29]
      assert (blue > red + 20) == ((i + j) % 2 == 0)
      assert (red > blue + 20) == ((i + j) % 2 == 1)
  assert np.ptp(picture[2, 2]) < 12  # no tile is there


def test_tiles_of_another_file_are_not_drawn():
  logits = np.zeros((5, 2), np.float32)
  shown = shown_of([answer("x", 0.5, logits=logits)], tile_px=100)
  plain = shown_of([answer("x", 0.5)])
  pictures = [s.contents("")["groups"][0]["shown"][0] for s in (shown, plain)]
  assert pictures[0]["picture"] == pictures[1]["picture"]


def test_a_page_that_cannot_be_written_is_one_line(tmp_path):
  with pytest.raises(Exception, match=r"cannot write --report=.*x\.html"):
    html_pages.write_predictions(
      tmp_path / "no" / "x.html", shown_of([]), tmp_path
    )
