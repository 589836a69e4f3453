"""Every benchmark runs, and counts what it says it counts."""

import json
import os

import pytest
from conftest import ROOT, run

FAST = ["--image-px=32", "--batch=4"]


def environment():
  return {**os.environ, "PYTHONPATH": "."}


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory):
  """An environment in which TensorFlow cannot be imported."""
  folder = tmp_path_factory.mktemp("no_tensorflow")
  (folder / "tensorflow.py").write_text("raise ImportError('not installed')")
  return {**os.environ, "PYTHONPATH": f"{folder}:."}


def throughput(environment, *arguments):
  done = run(
    "benchmarks/throughput.py",
    *FAST,
    "--steps=2",
    *arguments,
    env=environment,
  )
  assert done.returncode == 0, done.stderr
  (line,) = done.stdout.splitlines()
  return json.loads(line)


@pytest.mark.parametrize(
  "arguments",
  [
    ["--config=configs/smoke.py", "--mode=train"],
    ["--config=configs/smoke.py", "--mode=infer", "--dtype=bfloat16"],
    ["--config=configs/smoke.py", "--mode=loop"],
    ["--config=configs/vgg.py", "--mode=infer"],
    ["--config=configs/eanet_best.py", "--mode=train"],
  ],
)
def test_throughput_prints_its_figures_without_tensorflow(
  without_tensorflow, arguments
):
  found = throughput(without_tensorflow, *arguments)
  low, high = found["quartiles"]
  assert 0 < low <= found["images_per_s"] <= high
  assert found["windows"] >= 5
  assert found["mfu"] == pytest.approx(
    found["images_per_s"] * found["gflop_per_image"] / found["matmul_gflops"],
    rel=0.01,
  )
  assert (found["batch"], found["image_px"]) == (4, 32)
  assert ("loop_over_step" in found) == ("--mode=loop" in arguments)


def test_gflop_of_the_default_networks_by_hand():
  code = """
import sys; sys.path.insert(0, "benchmarks")
import throughput
from eanet_jax.models import eanet
for fields in ({}, {"num_heads": 1, "num_slots": 64},
               {"attention_type": "self", "num_heads": 4}):
  print(throughput.gflop_per_image(eanet.EANet(3, **fields), 256))
"""
  found = [float(line) for line in run("-c", code).stdout.split()]
  n, d = 256, 64
  embedding, mlp = n * 256 * d, 2 * n * d * 64
  external = 2 * n * d * 256
  single = 2 * n * d * 64
  self_attention = 4 * n * d * 256 + 2 * n * n * 256
  for value, attention in zip(
    found, (external, single, self_attention), strict=True
  ):
    expected = 2 * (embedding + 8 * (attention + mlp)) / 1e9
    assert value == pytest.approx(expected)


def test_peers_are_the_reference_network_and_take_turns():
  code = """
import sys; sys.path.insert(0, "benchmarks")
import peers
print(peers.keras_network(256).count_params())
"""
  environment = {**os.environ, "KERAS_BACKEND": "jax"}
  done = run("-c", code, env=environment)
  # Ours before folding: tests/test_eanet.py.
  assert done.stdout.splitlines()[-1] == "370691", done.stderr
  for mode in ("train", "infer"):
    done = run(
      "benchmarks/peers.py",
      *FAST,
      f"--mode={mode}",
      "--turns=2",
      "--seconds=0.1",
      "--backends=jax",
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = done.stdout.splitlines()[-2:]
    assert ours.startswith("| eanet_jax")
    assert ours.endswith("| 1.00 |")
    assert "Keras" in theirs
    assert float(theirs.split("|")[-2]) > 0


def test_scaling_draws_its_plot(tmp_path):
  done = run(
    "benchmarks/scaling.py",
    "--tokens=64",
    "--sides",
    "64",
    "128",
    f"--out={tmp_path / 'scaling.png'}",
  )
  assert done.returncode == 0, done.stderr
  rows = done.stdout.splitlines()[2:]
  assert [row.split("|")[2].strip() for row in rows] == ["16", "64"] * 2
  assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_cold_start_times_every_door():
  done = run("benchmarks/cold_start.py", "--runs=1")
  assert done.returncode == 0, done.stderr
  rows = done.stdout.splitlines()[2:]
  assert len(rows) == 5
  for row in rows:
    assert 0 < float(row.split("|")[2]) < 300


def test_every_benchmark_is_documented():
  page = (ROOT / "benchmarks" / "README.md").read_text()
  for script in (ROOT / "benchmarks").glob("*.py"):
    assert f"python benchmarks/{script.name}" in page
    done = run(f"benchmarks/{script.name}", "--help")
    assert done.returncode == 0, done.stderr


def test_robustness_scores_every_change_and_none_as_the_results_do(trained):
  done = run("benchmarks/robustness.py", str(trained), env=environment())
  assert done.returncode == 0, done.stderr
  header, _, *lines = done.stdout.splitlines()
  assert header == f"| | {trained} | changed |"
  rows = {}
  for line in lines:
    name, right, changed = (cell.strip() for cell in line.split("|")[1:-1])
    rows[name] = float(right), float(changed)
  test = json.loads((trained / "results.json").read_text())["test"]
  assert rows["none"] == (round(test["micrograph"]["accuracy"], 3), 0)
  assert len(rows) == 14
  assert any(changed > 0 for _, changed in rows.values())


def test_robustness_of_folds_is_that_of_all_their_micrographs():
  code = """
import sys; sys.path.insert(0, "benchmarks")
import numpy as np, robustness
folds = [{"none": (np.array(t), np.array(p))} for t, p in
         (([0, 1, 1], [0, 0, 1]), ([1], [1]))]
true, predicted = robustness.pooled(folds)["none"]
assert (true == predicted).mean() == 0.75, (true, predicted)
"""
  done = run("-c", code, env=environment())
  assert done.returncode == 0, done.stderr


def test_a_change_of_scale_keeps_the_middle():
  code = """
import sys; sys.path.insert(0, "benchmarks")
import numpy as np, robustness
image = np.zeros((33, 33)); image[16, 16] = 100; image[16, 24] = 50
for factor, column in ((0.5, 20), (1.25, 26), (1.0, 24)):
  scaled = robustness.rescale(factor)(image, None)
  assert scaled[16, 16] == 100
  assert scaled[16, column] == 50, factor
bar = robustness.data_bar(image + 60, None)
assert (bar[:-2] == image[:-2] + 60).all() and (bar[-2:] != 60).all()
"""
  done = run("-c", code, env=environment())
  assert done.returncode == 0, done.stderr


def test_label_efficiency_trains_both_ways_and_prints_the_gain(
  tmp_path, data_dir
):
  command = [
    "benchmarks/label_efficiency.py",
    f"--workdir={tmp_path}",
    *("--folds=2", "--seeds=1", "--epochs=1", "--pretrain_epochs=1"),
    *("--image_px=32", "--images_per_specimen=3"),
  ]
  here = {**environment(), "TFDS_DATA_DIR": str(data_dir)}
  done = run(*command, env=here)
  assert done.returncode == 0, done.stderr
  row = done.stdout.splitlines()[-1]
  assert row.count("[") == 3
  results = [
    json.loads((tmp_path / f"from-{name}-1-0" / "results.json").read_text())
    for name in ("nothing", "pretrained")
  ]
  assert results[0]["split"] == results[1]["split"]
  again = run(*command, env=here)
  assert again.stdout.splitlines()[-1] == row
