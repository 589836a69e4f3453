"""The page that classifies holds all it needs, and may load nothing."""

import base64
import hashlib
import itertools
import json
import re
import shutil

import chromium
import made_damage
import made_pictures
import pytest
from conftest import eanet
from made_files import specimen, with_bar

from eanet_jax.data import micrographs
from eanet_jax.exporting import page_script


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
  """(the page of a run, what the command printed)."""
  out = tmp_path_factory.mktemp("page") / "steel.html"
  done = eanet("export", trained, "--format=html", "--out", out)
  assert done.returncode == 0, done.stderr
  return out, done.stdout


def test_the_command_says_how_near_the_page_is(written):
  out, said = written
  assert said.startswith(f"{out}: ")
  if shutil.which("node") is None:
    assert "Node is not installed" in said
  else:
    assert "all labels equal" in said
  assert [each.name for each in out.parent.iterdir()] == ["steel.html"]


def test_the_page_may_load_nothing_and_run_nothing_else(written):
  text = written[0].read_text()
  policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
  policy = policy.replace("&#39;", "'")
  assert policy.startswith("default-src 'none';")
  assert "connect-src" not in policy
  assert "unsafe-inline'; script" in policy  # of styles, not of scripts
  (script,) = re.findall(r'<script type="module">(.*?)</script>', text, re.S)
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  assert f"script-src 'sha256-{digest}' blob:" in policy
  shown = re.sub(r"<script.*?</script>", "", text, flags=re.S)
  assert not re.findall(r'(?:src|href)="(?!#|data:)', shown)
  assert "://" not in shown


def test_the_page_knows_what_an_answer_is_worth(written):
  text = written[0].read_text()
  told = json.loads(re.search(r'id="model">(.*?)</script>', text)[1])
  assert set(told) == {"format", "model", "class_names", "before", "after"}
  tests = json.loads(re.search(r'id="tests">(.*?)</script>', text)[1])
  assert 2 <= len(tests) <= 12
  for each in tests:
    assert sum(each["expected"]["probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize("entry", ["page.js", "worker.js"])
def test_a_bundle_imports_nothing(entry):
  script = page_script.bundle(entry)
  assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
  for name in re.findall(r'modules\["([^"]+)"\];', script):
    assert script.index(f'modules["{name}"] = ') < script.index(
      f'= modules["{name}"];'
    )


def write_files(folder):
  """Writes pictures of every kind, and what is none; returns their paths.

  Texts that microscopes write beside them are returned as well, and apart.
  """
  made = (
    made_pictures.bars,
    made_pictures.boxes,
    made_pictures.vendors,
    made_pictures.depths,
    made_pictures.tiffs,
    made_pictures.bmps,
    made_pictures.pngs,
  )
  some = [
    (name, content, beside)
    for kind in made
    for name, content, told, beside in itertools.islice(kind(), 0, None, 4)
    if told == micrographs.NOTHING_TOLD
  ]
  some += [
    ("bar.jpg", made_damage.jpeg_bytes(with_bar(), quality=90), {}),
    ("words.png", b"these are words", {}),
    ("short.jpg", made_damage.jpeg_bytes(specimen(), quality=90)[:500], {}),
  ]
  pictures, texts = [], []
  for i, (name, content, beside) in enumerate(some):
    pictures.append(folder / f"{i} {name.replace('/', ' ')}")
    pictures[-1].write_bytes(content)
    for text_name, text in beside.items():
      texts.append(folder / f"{i} {text_name}")
      texts[-1].write_bytes(text)
  return pictures, texts


@pytest.mark.skipif(chromium.PROGRAM is None, reason="it needs Chromium")
def test_a_browser_answers_as_predict(written, trained, tmp_path):
  paths, texts = write_files(tmp_path)
  table = tmp_path / "predicted.jsonl"
  eanet("predict", trained, *paths, "--out", table)
  expected = [json.loads(line) for line in table.read_text().splitlines()]
  expected = {each["file"].rpartition("/")[2]: each for each in expected}
  with chromium.page(written[0].as_uri(), tmp_path) as page:
    page.wait_for("document.body?.dataset.state")
    assert page.evaluate("document.body.dataset.state") == "ready"
    page.choose_files("#files", [*texts, *paths])
    page.wait_for(
      f"document.querySelectorAll('#rows tr').length == {len(paths)}"
    )
    found = page.evaluate(
      "[...document.querySelectorAll('#rows tr')].map("
      "row => [...row.cells].map(cell => cell.textContent))"
    )
    assert not [each for each in page.asked if each.startswith("http")]
  refused = 0
  for _, name, label, *rest in found:
    right = expected[name]
    if right["error"]:
      assert label.partition(":")[0] == right["error"].partition(":")[0], name
    elif label.startswith("this page cannot read"):
      refused += 1
    else:
      assert label == right["label"], name
      assert float(rest[0]) == pytest.approx(right["probability"], abs=1.1e-4)
      assert rest[2] == right["verdict"]
  assert len(found) == len(paths) > 30
  assert refused < len(paths) / 10
