"""The page of a run and of a comparison, from made-up results."""

import base64
import dataclasses
import html.parser
import re
import xml.etree.ElementTree as ET

import made_results
import numpy as np
import pytest

from eanet_jax import errors
from eanet_jax.reporting import console_tables, html_pages, pictures
from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import (
  comparison_json,
  examples_npz,
  history_csv,
  predictions_csv,
  results_json,
)

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
        beside = ("left_out.csv", "remarks.csv")  # links, nothing fetched
        assert value.startswith(("data:image/", "#")) or value in beside
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
  path = html_pages.write(workdir)
  assert path == workdir / "report.html"
  page = Page(path.read_text(encoding="utf-8"))
  page.assert_self_contained()
  return page


@pytest.fixture
def finished(tmp_path):
  """The workdir of a made-up run."""
  results_json.write(tmp_path, made_results.run_results())
  epochs = [
    history_csv.Epoch(1, 4, 1e-3, 0.9, 0.4, 1.0, 1.0, 0.3, 0.2),
    history_csv.Epoch(2, 8, 1e-3, 0.7, 0.6, 1.0, 0.8, 0.5, 0.45),
    history_csv.Epoch(3, 12, 1e-3, 0.6, 0.7, 1.0, 0.9, 0.5, 0.4),
  ]
  history_csv.write(tmp_path, epochs)
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (3, 40, 48), np.uint8)
  maps = rng.random((1, 2, 5, 6), np.float32)
  examples_npz.write(tmp_path, examples_npz.ExampleArrays(images, maps))
  return tmp_path


@pytest.fixture
def compared(tmp_path):
  """The folder of a made-up comparison."""
  comparison_json.write(tmp_path, made_results.comparison_results())
  return tmp_path


def test_page_of_a_run_holds_its_figures(finished):
  results = made_results.run_results()
  page = _page(finished)
  own = results.test["micrograph"]
  low, high = own["interval_95"]["accuracy"]
  right = round(36 * own["accuracy"])
  texture = results.baselines["texture"]["micrograph"]
  for part in (
    "EANet, external attention A network trained on 60 micrographs",
    "Tested on 36 others of 6 specimens, none of which it was trained on",
    f"right class {right} of 36 {100 * own['accuracy']:.3g} %;",
    f"{100 * low:.3g} % to {100 * high:.3g} %, over specimens",
    f"The best baseline, GLCM + LBP texture, SVM, reaches"
    f" {100 * texture['accuracy']:.3g} %",
    "Classes CPJ, HR, P92 have 4 specimens each. If all are told right, that"
    " shows no more than that 47 % of new ones will be; with 4 more it would"
    " show 69 %.",
    f"{texture['kappa']:.3f}",
    f"{results.validation['micrograph']['balanced_accuracy']:.3f}",
    f"{results.test['specimen']['accuracy']:.3f}",
    f"{own['per_class']['HR']['precision']:.3f}",
    "Class P92 is tested on one specimen",
    "results are of epoch 2",
    "Both lines of the loss are of one function",
    "by 0.123 on average",
    "temperature of 1.73, fitted on the validation split, by 0.046",
    "called HR, is CPJ probability 81.2 % CPJ-8A IMG_0000.bmp",
    "called CPJ, rightly",
    "Where it looks like learned pattern B",
    "A is memory slot 7 of attention head 3; B is memory slot 1 of",
    "truncated 1 IMG_0099.bmp",
    "1024 × 768 px (110), 640 × 480 px (10).",
    "scale of 80 of 120 micrographs is known: 0.04 to 0.06 µm per pixel",
    "IMG_0001.bmp = IMG_0002.bmp",
    "out of focus (IMG_0003.bmp), and 2 like it",
    "3 of 12. Classes that lie apart here",
    "363,779",
    "413 images/s in inference",
    "7 min 11 s",
  ):
    page.assert_says(part)
  assert "slot 7" not in page.text.replace("memory slot 7", "")
  # 7 plots; 2 examples kept, the third not; an image with 2 maps.
  kinds = [source[:14] for source in page.pictures]
  assert kinds.count("data:image/svg") == 7
  assert kinds.count("data:image/jpe") == 5


@pytest.mark.parametrize("kind", ["finished", "compared"])
def test_words_lead_to_what_they_mean_and_back(kind, request):
  page = _page(request.getfixturevalue(kind))
  ids = [value for name, value in page.attributes if name == "id"]
  assert len(ids) == len(set(ids))
  links = [v[1:] for name, v in page.attributes if name == "href" and "#" in v]
  assert {*links} <= {*ids}
  words = [each for each in ids if each.startswith("word-")]
  assert len(words) > 9 and {f"used-{w[5:]}" for w in words} <= {*links}
  page.assert_says("Cohen’s kappa How far the answers agree with the truth")


def test_specimens_that_are_not_known_are_not_spoken_of(finished):
  changed = made_results.run_results()
  changed.split["by"] = "micrograph"
  changed.dataset["facts"]["specimens_known"] = False
  results_json.write(finished, changed)
  page = _page(finished)
  for part in (
    "which specimens they are of is not known",
    "Sort the micrographs of each class into a folder for each specimen",
    "Which micrographs are of one specimen is not known",
    ", over micrographs",
  ):
    page.assert_says(part)
  assert not re.search(r"\d specimens?", page.text)
  assert "accuracy of specimens" not in page.text
  told = console_tables.summary(changed, finished)
  assert "36 micrographs (specimens not known), best" in told
  assert "specimen " not in told


def test_answers_without_a_mistake_get_the_bound_that_they_show(finished):
  right = made_results.levels(2, 99.0)
  changed = made_results.run_results(test=right)
  results_json.write(finished, changed)
  p = np.eye(3)[np.repeat([0, 1, 2], 12)]
  _write_predictions(finished, p)
  page = _page(finished)
  # 0.05^(1/6) = 0.607
  page.assert_says("6 specimens told right show that at least 61 % of new")
  page.assert_says("All 36 test micrographs are answered rightly")
  assert "1.00 to 1.00" not in page.text
  assert "at least 61% of new ones" in console_tables.summary(changed, finished)


def test_answering_only_where_sure_is_told_in_numbers(finished):
  labels = np.repeat([0, 1, 2], 12)
  p = np.full((36, 3), 0.2) + 0.4 * np.eye(3)[labels]
  p[:30] = 0.05 + 0.85 * np.eye(3)[labels[:30]]
  p[7] = p[7, [1, 0, 2]]  # a mistake among 30 sure ones
  p[35] = p[35, [2, 1, 0]]  # and among the 6 others
  _write_predictions(finished, p)
  page = _page(finished)
  page.assert_says(
    "Of the 36 test micrographs, the 30 that the network is surest of (83.3 %,"
    " probability 90 % or more) hold 1 mistake: at most 5 %. A person would"
    " look at the other 6, of which 1 is wrong."
  )


def _write_predictions(workdir, p):
  names = np.array([f"S{i}" for i in np.repeat(np.arange(6), 6)])
  files = np.array([f"{i}.png" for i in range(36)])
  labels = np.repeat([0, 1, 2], 12)
  predictions_csv.write_test(
    workdir,
    predictions_csv.Predictions(files, names, labels, p),
    made_results.CLASSES,
  )


def test_results_from_before_the_data_was_told_of_are_shown(finished):
  before = made_results.run_results()
  del before.dataset["facts"]
  results_json.write(finished, before)
  page = _page(finished)
  page.assert_says("two lines of the loss are of different functions")
  assert 'href="#data"' not in (finished / "report.html").read_text()


def test_baseline_that_is_ahead_is_said_so(finished):
  ahead = made_results.run_results()
  ahead.baselines["texture"] = made_results.levels(4, 9.0)
  results_json.write(finished, ahead)
  text = _page(finished).text
  assert "A baseline does better: GLCM + LBP texture" in text
  assert "The best baseline" not in text


def test_no_training_is_warned_of(finished):
  changed = made_results.run_results(epochs=0)
  changed.examples["attention"] = None
  results_json.write(finished, changed)
  history_csv.write(finished, [])
  page = _page(finished)
  assert "Nothing was trained" in page.text
  assert "learning" not in dict(page.attributes).values()


def test_a_run_without_intervals_says_so(finished):
  bare = made_results.run_results()
  for level in bare.test.values():
    del level["interval_95"]
  results_json.write(finished, bare)
  text = _page(finished).text
  assert "without an interval" in text


def test_operations_that_could_not_be_counted_are_a_dash(finished):
  results_json.write(finished, made_results.run_results(gflop_per_image=None))
  _page(finished).assert_says("Operations – GFLOP per image")


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
    "Few specimens",
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
  before = _page(compared)
  changed = made_results.comparison_results(
    split_by="micrograph", micrograph_folds=0, intervals_over="micrographs"
  )
  for each in changed.systems:
    each["micrograph_split"] = each["specimen_split"]
    each["specimen_split"] = None
  comparison_json.write(compared, changed)
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
  changed = made_results.comparison_results()
  systems = [s for s in changed.systems if s["name"] != "texture"]
  systems[1]["difference"]["macro_f1"]["interval_95"] = None
  led = made_results.comparison_results(systems=systems, runs=[])
  comparison_json.write(compared, led)
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

  whole = dataclasses.asdict(made_results.run_results())
  fields = set(whole) | {"test", "split", "by"}
  words = {"HR", "EANet, external attention", "IMG_0000.bmp", "S1", "TAF"}
  words |= {"IMG_0099.bmp", "truncated", "/steels", "head 3, slot 7"}
  plain = _page(finished)
  atomic_files.write_json(finished / "results.json", poison(whole))
  page = _page(finished)
  assert page.tags == plain.tags
  shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
  assert f"called {shown}" in page.text

  comparison = made_results.comparison_results()
  comparison.class_names[1] = name
  for system in comparison.systems:
    system["title"] = name
  comparison_json.write(finished, comparison)
  page = _page(finished)
  assert f"A baseline beats {shown}" in page.text
  assert "onerror" not in dict(page.attributes)


@pytest.mark.parametrize("kind", ["finished", "compared"])
def test_same_results_give_the_same_page(kind, request):
  workdir = request.getfixturevalue(kind)
  first = html_pages.write(workdir).read_bytes()
  assert html_pages.write(workdir).read_bytes() == first
  assert sorted(p.name for p in workdir.glob("*report*")) == ["report.html"]


def test_nothing_to_report_is_one_line(tmp_path):
  with pytest.raises(errors.UserError, match="holds no results") as caught:
    html_pages.write(tmp_path)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"test": {}}', "\xff", "null"])
def test_damaged_results_are_one_line(tmp_path, text):
  (tmp_path / "results.json").write_bytes(text.encode("latin-1"))
  with pytest.raises(errors.UserError, match=r"results\.json") as caught:
    html_pages.write(tmp_path)
  assert "\n" not in str(caught.value)
  assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
  ("damage", "says"),
  [
    ({"test": {"micrograph": {}}}, r"results\.json was changed"),
    ({"test": {}}, "cannot be shown"),
  ],
)
def test_results_changed_by_hand_are_one_line(finished, damage, says):
  results_json.write(finished, made_results.run_results(**damage))
  with pytest.raises(errors.UserError, match=says) as caught:
    html_pages.write(finished)
  assert "\n" not in str(caught.value)


def test_damaged_examples_are_one_line(finished):
  (finished / "examples.npz").write_bytes(b"PK\x03\x04 not an archive")
  with pytest.raises(errors.UserError, match=r"examples\.npz was changed"):
    html_pages.write(finished)


def test_examples_without_pictures_are_listed(finished):
  (finished / "examples.npz").unlink()
  page = _page(finished)
  assert "IMG_0000.bmp" in page.text
  assert not [source for source in page.pictures if "jpeg" in source]


def test_heat_of_a_picture_depends_on_order_not_size():
  image = np.full((32, 32), 128, np.uint8)
  weights = np.arange(16.0).reshape(4, 4)
  first = pictures.picture(image, weights)
  assert pictures.picture(image, 8 + weights / 1024) == first
  assert pictures.picture(image, weights.T) != first
  flat = pictures.picture(image, np.ones((4, 4)))
  assert flat.startswith("data:image/jpeg;base64,")


def test_every_plot_has_alternative_text(finished):
  text = html_pages.write(finished).read_text()
  for picture in re.findall(r"<img [^>]*>", text):
    assert re.search(r' alt="[^"]', picture)
