"""`eanet certify` and `eanet verify`: a training that comes out the same."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from conftest import eanet
from PIL import Image

from eanet_jax.commands import main_job
from eanet_jax.workdir import sealed_archive

SPECIMENS = ("CPJ/CPJ-1", "CPJ/CPJ-2", "HR/HR-1", "HR/HR-2")
ONE = "HR/HR-2/HR-2_001.bmp"


@pytest.fixture(scope="module")
def here(drawn_folder, tmp_path_factory, data_dir):
  """A folder with micrographs, a run on them, and its dossier."""
  here = tmp_path_factory.mktemp("certified")
  for specimen in SPECIMENS:
    shutil.copytree(drawn_folder / specimen, here / "steels" / specimen)
  assert (here / "steels" / ONE).exists()
  done = eanet(
    "train",
    here / "steels",
    f"--workdir={here / 'run'}",
    f"--set=dataset.data_dir={data_dir}",
    "--set=dataset.image_px=32",
    "--set=dataset.view=whole",
    "--set=split.folds=2",  # one network; tests/test_docs.py verifies several
    "--set=evaluation.bootstrap_resamples=20",
  )
  assert done.returncode == 0, done.stderr
  done = eanet("certify", here / "run", "--out", here / "it.zip")
  assert done.returncode == 0, done.stderr
  (here / "certify.txt").write_text(done.stdout)
  return here


@pytest.fixture
def not_trained(here, monkeypatch):
  """Training again gives the run that there is, at once."""

  def copied(config, workdir):
    assert config.dataset.data_dir.startswith(str(workdir.parent))
    shutil.copytree(here / "run", workdir)

  monkeypatch.setattr(main_job, "train_and_evaluate", copied)


def changed(here, tmp_path, name, change):
  """Another dossier, sealed anew, of which a member was changed."""
  members = {}
  with zipfile.ZipFile(here / "it.zip") as archive:
    for member in archive.namelist():
      members[member] = archive.read(member)
  del members["MANIFEST.json"]
  members[name] = change(members[name])
  path = tmp_path / "changed.zip"
  sealed_archive.write(path, "dossier", {}, members)
  return path


def in_json(change):
  """Changes what JSON holds."""

  def apply(content):
    value = json.loads(content)
    change(value)
    return json.dumps(value).encode()

  return apply


def test_another_training_is_the_same_bit_for_bit(here):
  done = eanet("verify", here / "it.zip", here / "steels")
  assert done.returncode == 0, done.stdout + done.stderr
  lines = done.stdout.splitlines()
  assert lines[0] == "files: all 12 files as in the dossier"
  assert lines[-1] == "identical"
  stages = [line.partition(": identical")[0] for line in lines[-7:-1]]
  assert stages == [
    *("data", "split", "features", "weights", "predictions", "results"),
  ]


def test_the_dossier_says_what_is_shown_and_tells_no_path(here):
  with zipfile.ZipFile(here / "it.zip") as archive:
    told = json.loads(archive.read("dossier.json"))
    page = archive.read("DOSSIER.md").decode()
    everything = b"".join(map(archive.read, archive.namelist()))
  assert set(told["files"]) >= {ONE}
  assert all(len(each) == 64 for each in told["files"].values())
  assert len(told["weights"]) > 10
  assert told["config"]["dataset"]["path"] == ""
  assert str(here).encode() not in everything
  sentence = (here / "certify.txt").read_text().splitlines()[1]
  assert "specimen" in sentence
  assert sentence in page
  again = here / "again.zip"
  assert eanet("certify", here / "run", "--out", again).returncode == 0
  assert again.read_bytes() == (here / "it.zip").read_bytes()


def test_a_changed_pixel_and_a_missing_file_are_told(here, tmp_path):
  steels = shutil.copytree(here / "steels", tmp_path / "steels")
  pixels = np.array(Image.open(steels / ONE))
  pixels[5, 5] ^= 1
  Image.fromarray(pixels).save(steels / ONE)
  done = eanet("verify", here / "it.zip", steels)
  assert done.returncode == 1
  assert done.stdout.splitlines() == [
    f"changed: 1 file, {ONE}",
    "not identical: they part at the files; nothing was trained",
  ]
  (steels / ONE).rename(steels / "HR" / "HR-2" / "renamed.bmp")
  done = eanet("verify", here / "it.zip", steels)
  assert done.returncode == 1
  assert f"missing: 1 file, {ONE}" in done.stdout
  assert "not in the dossier: 1 file, HR/HR-2/renamed.bmp" in done.stdout
  # Nor is anything certified that was trained on other files, or as others.
  again = ("certify", here / "run", "--folder", steels)
  again += ("--out", tmp_path / "no.zip")
  assert "are not those that" in eanet(*again).stderr
  (steels / "HR" / "HR-2" / "renamed.bmp").unlink()
  shutil.copy(here / "steels" / ONE, steels / "HR" / "HR-2" / "HR-2_0015.bmp")
  done = eanet(*again)
  assert done.returncode == 2
  assert f"there is no {ONE} among the micrographs" in done.stderr
  assert not (tmp_path / "no.zip").exists()


def other_weight(told):
  name = "['calibration']['temperature']"
  told["weights"][name] = "0" * 64


def other_digest(told):
  told["data_digest"] = "0" * 64


def other_answer(table):
  header, first, *rest = table.decode().splitlines()
  *cells, _, _ = first.split(",")
  return "\n".join([header, ",".join([*cells, "0.5", "0.5"]), *rest]).encode()


def other_figure(results):
  results["test"]["micrograph"]["accuracy"] = 0.125


@pytest.mark.parametrize(
  ("member", "change", "says"),
  [
    ("dossier.json", in_json(other_weight), "weights: differs in 1 of"),
    ("dossier.json", in_json(other_digest), "data: differs in micrographs"),
    ("test_predictions.csv", other_answer, "predictions: differs, prob"),
    ("results.json", in_json(other_figure), "results: differs in 1 of"),
    (
      "trained_on.csv",
      lambda rows: rows.replace(b"_001.bmp", b"_009.bmp"),
      "data: differs in 4 micrographs",
    ),
  ],
)
def test_the_first_difference_is_told(
  here, tmp_path, not_trained, member, change, says
):
  path = changed(here, tmp_path, member, change)
  done = eanet("verify", path, here / "steels")
  assert done.returncode == 1, done.stderr
  (line,) = [e for e in done.stdout.splitlines() if ": differs" in e][:1]
  assert line.startswith(says)
  stage = says.partition(":")[0]
  last = done.stdout.splitlines()[-1]
  assert last.startswith(f"not identical: they part at the {stage}")


def test_other_versions_are_told_and_can_be_refused(
  here, tmp_path, not_trained
):
  def older(told):
    told["versions"]["jax"] = "0.1"
    told["machine"]["processor"] = "an abacus"
    other_weight(told)

  path = changed(here, tmp_path, "dossier.json", in_json(older))
  done = eanet("verify", path, here / "steels")
  assert done.returncode == 1
  assert "versions: jax 0.1, here " in done.stdout
  assert "machine: processor an abacus, here " in done.stdout
  assert "has not been measured" in done.stdout.splitlines()[-1]
  done = eanet("verify", path, here / "steels", "--same-versions")
  assert done.returncode == 1
  assert done.stdout.endswith("versions differ; nothing was trained\n")


@pytest.mark.parametrize(
  ("change", "says"),
  [
    (lambda t: t["config"]["train"].update(epochs="all"), "'epochs'"),
    (lambda t: t["config"]["train"].pop("epochs"), "no field train.epochs"),
    (lambda t: t["config"].update(run="rm"), "run"),
    (lambda t: t["config"].update(init_from="/etc"), "init_from"),
    (lambda t: t["config"]["split"].update(fold=-1), "to choose"),
    (lambda t: t["config"]["model"].update(name="os"), "no network"),
    (lambda t: t["config"].update(model=3), "no network"),
    (lambda t: t.update(table="../../labels.csv"), "no plain name"),
    (lambda t: t.update(files=[]), "its field files is not a JSON object"),
    (lambda t: t.update(format=9), "newer version"),
  ],
)
def test_a_hostile_dossier_is_told_in_a_line(
  here, tmp_path, not_trained, change, says
):
  path = changed(here, tmp_path, "dossier.json", in_json(change))
  done = eanet("verify", path, here / "steels")
  assert done.returncode == 2, done.stdout + done.stderr
  (line,) = done.stderr.splitlines()
  assert says in line
  assert str(path) in line


def test_what_is_no_dossier_is_told_in_a_line(here, trained, tmp_path):
  for command in (
    ("verify", here / "steels" / ONE, here / "steels"),
    ("verify", here / "missing.zip", here / "steels"),
    ("verify", here / "it.zip"),
    ("verify", here / "it.zip", here / "nowhere"),
    ("predict", here / "it.zip", here / "steels"),
    ("certify", here, "--out", tmp_path / "no.zip"),
  ):
    done = eanet(*command)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
  assert not (tmp_path / "no.zip").exists()
  # A split of drawings has neither folds nor files.
  drawn = tmp_path / "drawn.zip"
  done = eanet("certify", trained, "--out", drawn)
  assert done.returncode == 0, done.stderr
  assert "0 files of the data set" in done.stdout
  with zipfile.ZipFile(drawn) as archive:
    assert "eanet verify THIS_FILE\n" in archive.read("DOSSIER.md").decode()
