"""The page of a run and of a comparison, from made-up results."""

import base64
import copy
import html.parser
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from eanet_jax import errors, metrics, report, thumbnails

CLASSES = ("CPJ", "HR", "P92")
HOSTILE = (
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "{{ 7 * 191 }} $\\frac{$ & http://example.org/",
  "bytes \udcff, bell \x07, null \x00, 鋼",
)


class Page(html.parser.HTMLParser):
  """What a browser would make of a page."""

  def __init__(self, text: str):
    super().__init__()
    self.tags, self.attributes, self.styles, words = [], [], [], []
    self._words = words
    self.feed(text)
    self.text = " ".join(" ".join(words).split())
    self.pictures = [value for name, value in self.attributes if name == "src"]

  def handle_starttag(self, tag, attrs):
    self.tags.append(tag)
    self.attributes += attrs

  def handle_data(self, data):
    shown = self.tags and self.tags[-1] != "style"
    (self._words if shown else self.styles).append(data)

  def assert_says(self, part):
    # Elements apart on the page may touch in its text.
    assert "".join(part.split()) in "".join(self.text.split()), part

  def assert_self_contained(self):
    assert not {"script", "link", "iframe", "object", "form"} & {*self.tags}
    for name, value in self.attributes:
      assert not name.startswith("on")
      if name in ("src", "href"):
        assert value.startswith(("data:image/", "#")), value
    style = " ".join(self.styles)
    assert "{" in style and "url(" not in style and "@import" not in style
    for source in self.pictures:
      if "svg" in source:
        content = base64.b64decode(source.partition(",")[2])
        for element in ET.fromstring(content).iter():
          assert not element.tag.endswith("script")
          for name, value in element.attrib.items():
            assert not name.endswith("href") or value.startswith("#")


def _page(workdir) -> Page:
  path = report.write(workdir)
  assert path == workdir / "report.html"
  page = Page(path.read_text(encoding="utf-8"))
  page.assert_self_contained()
  return page


def _levels(seed: int, skill: float) -> dict:
  rng = np.random.default_rng(seed)
  labels = np.repeat([0, 1, 2], 12)
  specimens = np.repeat(np.arange(6), 6)
  logits = rng.normal(size=(36, 3)) + skill * np.eye(3)[labels]
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  by_specimen = metrics.mean_by_group(p, specimens)
  return {
    "micrograph": metrics.summary(p, labels, specimens, CLASSES, 20),
    "specimen": metrics.summary(
      by_specimen, labels[::6], np.arange(6), CLASSES, 20
    ),
  }


def _example(i: int, **changes) -> dict:
  return {
    "image": i,
    "file": f"IMG_{i:04d}.bmp",
    "specimen": "CPJ-8A",
    "true": "CPJ",
    "predicted": "HR",
    "probability": 0.8125,
    **changes,
  }


def _bins(accuracy: float) -> list:
  empty = {"confidence": None, "accuracy": None, "count": 0}
  return [
    {"low": 0.0, "high": 0.5, **empty},
    {"low": 0.5, "high": 1, "count": 36, "confidence": 0.8}
    | {"accuracy": accuracy},
  ]


def _run_result() -> dict:
  return {
    "name": "eanet",
    "title": "EANet, external attention",
    "validation": _levels(1, 2.0),
    "test": _levels(2, 2.0),
    "baselines": {"majority": _levels(3, 0.0), "texture": _levels(4, 1.0)},
    "calibration": {
      "temperature": 1.734,
      "before": {"ece": 0.1234, "bins": _bins(0.7)},
      "after": {"ece": 0.0456, "bins": _bins(0.75)},
    },
    "per_specimen": [
      {"specimen": f"S{i}", "class": CLASSES[i // 2], "micrographs": 6}
      | {"accuracy": i / 6}
      for i in range(6)
    ],
    "class_names": list(CLASSES),
    "parameters": 363_779,
    "gflop_per_image": 0.187,
    "epochs": 3,
    "best_epoch": 2,
    "wall_time_s": 431.2,
    "images_per_s": None,
    "inference_images_per_s": 412.7,
    "split": {"by": "specimen", "train": 60, "validation": 24, "test": 36}
    | {"test_specimens": [f"S{i}" for i in range(6)], "fold": 0, "folds": 3},
    "warnings": ["class P92 is tested on one specimen"],
    "skipped": [["IMG_0099.bmp", "truncated"]],
    "unmatched": ["TAF"],
    "dataset": {"source": "folder", "path": "/steels", "view": "whole"}
    | {"image_px": 256},
    "device": "1 x cpu",
    "versions": {"jax": "0.10.1"},
    "examples": {
      "mistakes": [_example(0)],
      "uncertain": [_example(1, predicted="CPJ"), _example(99)],
      "attention": {"maps": ["head 3, slot 7", "head 0, slot 1"]}
      | {"examples": [_example(2)]},
    },
  }


def _system(name: str, kind: str, f1: float, gap: float | None) -> dict:
  names = [*metrics.HEADLINE, "specimen_accuracy"]

  def scores(mean):
    interval = [mean - 0.05, mean + 0.05]
    each = {"mean": mean, "interval_95": interval, "folds": [mean, mean + 0.01]}
    return {score: each for score in names}

  def difference(mean):
    each = {"mean": mean, "interval_95": [mean - 0.02, mean + 0.02]}
    return {score: each for score in names}

  network = kind == "network"
  curve = {"fold": 0, "seed": 0, "epoch": [1, 2], "train_loss": [0.5, None]}
  return {
    "name": name,
    "title": f"{name}, in full",
    "kind": kind,
    "parameters": int(1000 * f1) if network else None,
    "gflop_per_image": 0.187 if network else None,
    "images_per_s": 55.31 if network else None,
    "inference_images_per_s": 10_000 * f1,
    "specimen_split": scores(f1),
    "micrograph_split": scores(f1 + 0.2) if network else None,
    "difference": None if gap is None else difference(gap),
    "curves": [curve | {"validation_macro_f1": [0.2, 0.4]}] * network,
  }


def _comparison_result() -> dict:
  empty = {"specimen_split": None, "micrograph_split": None}
  figures = {"macro_f1": 0.895, "accuracy": 0.986, "kappa": 0.92}
  return {
    "reference": "eanet",
    "class_names": list(CLASSES),
    "dataset": {"source": "synthetic", "path": "", "view": "whole"}
    | {"image_px": 256},
    "folds": 2,
    "seeds": [0, 1],
    "micrograph_folds": 1,
    "epochs": 2,
    "batch_size": 16,
    "device": "1 x cpu",
    "versions": {"jax": "0.10.1"},
    "wall_time_s": 7_505,
    "warnings": ["few specimens"],
    "systems": [
      _system("eanet", "network", 0.612, None),
      _system("vit", "network", 0.602, -0.010),
      _system("texture", "baseline", 0.703, 0.091),
      _system("majority", "baseline", 0.172, -0.440),
      {"name": "paper", "title": "EANet, in the paper", "kind": "paper"}
      | {"paper": figures, "difference": None, "curves": [], **empty},
    ],
    "runs": [
      {"system": "eanet", "split": "specimen", "fold": 0, "seed": 1}
      | {"workdir": "eanet-0-1", "accuracy": 0.6543, "macro_f1": 0.6123}
    ],
  }


@pytest.fixture
def finished(tmp_path):
  """The workdir of a made-up run."""
  (tmp_path / "results.json").write_text(json.dumps(_run_result()))
  (tmp_path / "history.csv").write_text(
    "epoch,step,train_loss,train_accuracy,validation_loss,"
    "validation_accuracy,validation_macro_f1\n"
    "1,4,0.9,0.4,1.0,0.3,0.2\n2,8,0.7,0.6,0.8,0.5,0.45\n3,12,0.6,,0.9,0.5,0.4\n"
  )
  rng = np.random.default_rng(0)
  np.savez(
    tmp_path / "examples.npz",
    images=rng.integers(0, 256, (3, 40, 48), np.uint8),
    attention=rng.random((1, 2, 5, 6), np.float32),
  )
  return tmp_path


@pytest.fixture
def compared(tmp_path):
  """The folder of a made-up comparison."""
  (tmp_path / "comparison.json").write_text(json.dumps(_comparison_result()))
  return tmp_path


def _rewrite(path, change):
  content = json.loads(path.read_text())
  change(content)
  path.write_text(json.dumps(content))


def test_page_of_a_run_holds_its_figures(finished):
  result = _run_result()
  page = _page(finished)
  own = result["test"]["micrograph"]
  low, high = own["interval_95"]["macro_f1"]
  for part in (
    "EANet, external attention Trained on 60 micrographs",
    "36 test micrographs of 6 specimens, split by specimen",
    f"{own['macro_f1']:.3f} 95 % interval {low:.2f} to {high:.2f}",
    "The best baseline, GLCM + LBP texture, SVM",
    f"{result['baselines']['texture']['micrograph']['kappa']:.3f}",
    f"{result['validation']['micrograph']['balanced_accuracy']:.3f}",
    f"{result['test']['specimen']['accuracy']:.3f}",
    f"{own['per_class']['HR']['precision']:.3f}",
    "class P92 is tested on one specimen",
    "results are of epoch 2",
    "by 0.123 on average",
    "temperature of 1.73, fitted on the validation split, by 0.046",
    "called HR, is CPJ probability 81 % CPJ-8A IMG_0000.bmp",
    "called CPJ, rightly",
    "head 3, slot 7",
    "IMG_0099.bmp truncated",
    "363,779",
    "– images/s in training, 413 images/s in inference",
    "7 min 11 s",
  ):
    page.assert_says(part)
  # 6 plots; 2 examples kept, the third not; an image with 2 maps.
  kinds = [source[:14] for source in page.pictures]
  assert kinds.count("data:image/svg") == 6
  assert kinds.count("data:image/jpe") == 5


def test_baseline_that_is_ahead_is_said_so(finished):
  def swap(result):
    result["baselines"]["texture"] = _levels(4, 9.0)

  _rewrite(finished / "results.json", swap)
  text = _page(finished).text
  assert "A baseline does better: GLCM + LBP texture" in text
  assert "The best baseline" not in text


def test_split_by_micrograph_and_no_training_are_warned_of(finished):
  def change(result):
    result["split"] |= {"by": "micrograph"}
    result["epochs"] = 0
    result["examples"]["attention"] = None

  _rewrite(finished / "results.json", change)
  (finished / "history.csv").write_text("epoch,step,train_loss\n")
  page = _page(finished)
  assert "too high for a specimen that is new" in page.text
  assert "Nothing was trained" in page.text
  assert "learning" not in dict(page.attributes).values()


def test_page_of_an_old_run_shows_what_there_is(tmp_path):
  result = _run_result()
  kept = ("test", "class_names", "split")
  result = {name: result[name] for name in kept}
  for level in result["test"].values():
    level.pop("interval_95", None)
  (tmp_path / "results.json").write_text(json.dumps(result))
  text = _page(tmp_path).text
  assert f"{result['test']['micrograph']['macro_f1']:.3f}" in text
  assert "without an interval" in text


def test_page_of_a_comparison_holds_its_figures(compared):
  page = _page(compared)
  for part in (
    "0.612 95 % interval 0.56 to 0.66",
    "First is texture, in full with 0.703",
    "would seem to reach 0.812",
    "Ahead of it beyond chance: texture, in full (+0.091)",
    "Behind it beyond chance: majority, in full (−0.440)",
    "Not told apart from it by these data: vit, in full (−0.010)",
    "A baseline beats eanet, in full: texture, in full, by 0.091",
    "difference +0.07 to +0.11), more than chance explains",
    "few specimens",
    "drawn by this program, which prove nothing about steel",
    "EANet, in the paper 0.895 0.986 – 0.920",
    "0.187 55.3 6,120",
    "0.612 0.654 eanet-0-1",
    "2 by specimen, 1 by image; seeds 0, 1",
    "2 h 5 min",
  ):
    page.assert_says(part)
  # Scores, differences, two of cost, two networks' curves.
  assert len(page.pictures) == 6


def test_comparison_of_images_alone_says_so(compared):
  def change(comparison):
    comparison |= {"split_by": "micrograph", "micrograph_folds": 0}
    comparison["intervals_over"] = "micrographs"
    for each in comparison["systems"]:
      each["micrograph_split"] = each.pop("specimen_split")

  before = _page(compared)
  _rewrite(compared / "comparison.json", change)
  page = _page(compared)
  for part in (
    "Every figure is of micrographs that were not trained on",
    "split by micrograph, 2 folds 0.612 95 % interval 0.56 to 0.66",
    "2 by micrograph; seeds 0, 1",
    "EANet, in the paper 0.895 0.986 – 0.920",
  ):
    page.assert_says(part)
  assert "by image for comparison" in before.text
  assert "would seem to reach" not in page.text
  assert "accuracy, by image" not in page.text
  assert "by specimen" not in page.text
  assert "accuracy of specimens" in before.text
  assert "accuracy of specimens" not in page.text


def test_comparison_that_its_reference_leads(compared):
  def change(comparison):
    systems = comparison["systems"]
    comparison["systems"] = [s for s in systems if s["name"] != "texture"]
    comparison["systems"][1]["difference"]["macro_f1"]["interval_95"] = None
    del comparison["runs"], comparison["seeds"]

  _rewrite(compared / "comparison.json", change)
  text = _page(compared).text
  assert "first of 3 systems" in text and "baseline beats" not in text
  assert "Not told apart from it by these data: vit" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_inert(finished, name):
  def poison(value):
    if isinstance(value, dict):
      return {
        k if k in fields else k.replace("HR", name): poison(v)
        for k, v in value.items()
      }
    if isinstance(value, list):
      return [poison(each) for each in value]
    return name if value in words else value

  fields = set(_run_result()) | {"test", "split", "by"}
  words = {"HR", "EANet, external attention", "IMG_0000.bmp", "S1", "TAF"}
  words |= {"IMG_0099.bmp", "truncated", "/steels", "head 3, slot 7"}
  result = poison(_run_result())
  plain = _page(finished)
  (finished / "results.json").write_text(json.dumps(result))
  page = _page(finished)
  assert page.tags == plain.tags
  shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
  assert f"called {shown}" in page.text

  comparison = copy.deepcopy(_comparison_result())
  comparison["class_names"][1] = name
  for system in comparison["systems"]:
    system["title"] = name
  (finished / "comparison.json").write_text(json.dumps(comparison))
  page = _page(finished)
  assert f"A baseline beats {shown}" in page.text
  assert "onerror" not in dict(page.attributes)


@pytest.mark.parametrize("kind", ["finished", "compared"])
def test_same_results_give_the_same_page(kind, request):
  workdir = request.getfixturevalue(kind)
  first = report.write(workdir).read_bytes()
  assert report.write(workdir).read_bytes() == first
  assert sorted(p.name for p in workdir.glob("*report*")) == ["report.html"]


def test_nothing_to_report_is_one_line(tmp_path):
  with pytest.raises(errors.UserError, match="holds no results") as caught:
    report.write(tmp_path)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"test": {}}', "\xff", "null"])
def test_damaged_results_are_one_line(tmp_path, text):
  (tmp_path / "results.json").write_bytes(text.encode("latin-1"))
  with pytest.raises(errors.UserError, match="cannot be shown") as caught:
    report.write(tmp_path)
  assert "\n" not in str(caught.value)
  assert not (tmp_path / "report.html").exists()


def test_damaged_examples_are_one_line(finished):
  (finished / "examples.npz").write_bytes(b"PK\x03\x04 not an archive")
  with pytest.raises(errors.UserError, match="cannot be shown"):
    report.write(finished)


def test_examples_without_pictures_are_listed(finished):
  (finished / "examples.npz").unlink()
  page = _page(finished)
  assert "IMG_0000.bmp" in page.text
  assert not [source for source in page.pictures if "jpeg" in source]


def test_heat_of_a_picture_depends_on_order_not_size():
  image = np.full((32, 32), 128, np.uint8)
  weights = np.arange(16.0).reshape(4, 4)
  first = thumbnails.picture(image, weights)
  assert thumbnails.picture(image, 8 + weights / 1024) == first
  assert thumbnails.picture(image, weights.T) != first
  flat = thumbnails.picture(image, np.ones((4, 4)))
  assert flat.startswith("data:image/jpeg;base64,")


def test_every_plot_has_alternative_text(finished):
  text = report.write(finished).read_text()
  for picture in re.findall(r"<img [^>]*>", text):
    assert re.search(r' alt="[^"]', picture)
