"""launch.py as a user mistypes it: one line that helps, and --help."""

import pytest
from conftest import SMALL, launch, run


@pytest.mark.parametrize(
  ("arguments", "says"),
  [
    ([], "name a configuration"),
    (["--config=configs/nothing.py"], "no such file"),
    (["--config=configs/eanet.py:octuple"], "choose multi_head, single_head"),
    (["--config=pyproject.toml"], "pyproject.toml"),
    (
      ["--config=configs/eanet.py", "--config.train.epoch=3"],
      "did you mean train.epochs",
    ),
    (
      ["--config=configs/eanet.py", "--config.trian.epochs=3"],
      "did you mean train.epochs",
    ),
    (["--config=configs/eanet.py", "--config.train.epochs=abc"], "abc"),
    (["--config=configs/eanet.py", "--config.train.epochs=-1"], "0 or more"),
    (
      ["--config=configs/eanet.py", "--config.model.dropout_rate=nan"],
      "model.dropout_rate",
    ),
    (
      ["--config=configs/eanet.py", "--config.dataset.view=tile"],
      "one of whole, tiles",
    ),
    (
      ["--config=configs/eanet.py", "--config.dataset.image_px=250"],
      "take 240 or 256",
    ),
    (["--config=configs/eanet.py", "--wrokdir=x"], "wrokdir"),
    (["--config=configs/eanet.py", "stray"], "stray"),
    (
      ["--config=configs/eanet.py", "--config.dataset.source=folder"],
      "dataset.path",
    ),
    (
      [
        "--config=configs/eanet.py",
        "--config.dataset.source=folder",
        "--config.dataset.path=not/there",
      ],
      "not/there",
    ),
    (
      [
        "--config=configs/eanet.py",
        "--config.dataset.source=folder",
        "--config.dataset.path=configs",
      ],
      "<class>/<specimen>/image",
    ),
  ],
)
def test_a_mistake_ends_with_one_clear_line(arguments, says, tmp_path):
  done = launch(*arguments, f"--workdir={tmp_path / 'run'}")
  assert done.returncode == 2
  assert says in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1
  assert not (tmp_path / "run").exists()


def test_a_program_ends_with_one_line_and_code_2():
  # The other mistakes are made in this process.
  done = run("launch.py", "--config=configs/eanet.py", "--config.train.epoch=3")
  assert done.returncode == 2
  (line,) = done.stderr.splitlines()
  assert line.startswith("launch.py: ")
  assert "did you mean train.epochs" in line
  assert done.stdout == ""


def test_unwritable_workdir_is_one_clear_line(tmp_path, data_dir):
  (tmp_path / "file").write_text("")
  done = launch(
    "--config=configs/eanet.py",
    f"--workdir={tmp_path / 'file' / 'run'}",
    f"--config.dataset.data_dir={data_dir}",
    *SMALL,
  )
  assert done.returncode == 2
  assert "--workdir" in done.stderr
  assert "Traceback" not in done.stderr


def test_help_names_every_field():
  done = launch("--help")
  assert done.returncode == 0
  for name in (
    "--workdir",
    "--config.model.num_slots",
    "--config.augment.zoom",
  ):
    assert name in done.stdout


HEAVY = ("jax", "tensorflow", "matplotlib", "scipy", "skimage", "orbax")


@pytest.mark.parametrize(
  "code",
  [
    "import eanet_jax, eanet_jax.cli, eanet_jax.configuration.command_line",
    "sys.argv = ['eanet', '--help']\nfrom eanet_jax import cli\ncli.main()",
    "sys.argv = ['launch.py', '--help']\n"
    "runpy.run_path('launch.py', run_name='__main__')",
  ],
  ids=["import", "eanet --help", "launch.py --help"],
)
def test_help_is_quick_because_it_imports_nothing_heavy(code):
  told = f"print('heavy', *{{*{HEAVY}}} & sys.modules.keys(), file=sys.stderr)"
  done = run(
    "-c", f"import atexit, runpy, sys\natexit.register(lambda: {told})\n{code}"
  )
  assert done.returncode == 0
  assert done.stderr.split() == ["heavy"]
