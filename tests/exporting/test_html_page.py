"""The page that classifies holds all it needs, and may load nothing."""

import base64
import hashlib
import json
import re
import shutil

import pytest
from conftest import eanet

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
  assert "http" not in shown


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
