"""Every benchmark runs, and counts what it says it counts."""

import functools
import importlib.util
import json
import math
import os
import sys
import types
from unittest import mock

import jax
import numpy as np
import pytest
from conftest import ROOT, run, script
from PIL import Image

from eanet_jax.configuration import command_line
from eanet_jax.data import data_bar
from eanet_jax.models import networks

FAST = ["--image-px=32", "--batch=8"]
SMALL = [
  "dataset.images_per_specimen=3",
  "dataset.image_px=32",
  "model.patch_px=8",
  "model.width=16",
  "model.num_blocks=1",
  # One program for all folds: nothing of a fold is a constant in it.
  "loss.class_weights=none",
  "optimizer.schedule=constant",
  "optimizer.warmup_epochs=0.0",
]
# For a program of its own: TensorFlow cannot be imported in it.
BLOCK = """
import runpy, sys
sys.modules["tensorflow"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@functools.cache
def benchmark(name: str) -> types.ModuleType:
  """The module of a benchmark."""
  file = ROOT / "benchmarks" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(name, file)
  module = importlib.util.module_from_spec(spec)
  # As `python FILE` has it: its own folder first.
  with mock.patch.object(sys, "path", [str(file.parent), *sys.path]):
    spec.loader.exec_module(module)
  return module


def figures(done):
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
    pytest.param(
      ["--config=configs/eanet_best.py", "--mode=train"],
      marks=pytest.mark.slow,
    ),
  ],
)
def test_throughput_prints_its_figures(arguments):
  command = ["benchmarks/throughput.py", *FAST, "--steps=2", *arguments]
  found = figures(script(*command))
  low, high = found["quartiles"]
  assert 0 < low <= found["images_per_s"] <= high
  assert found["windows"] >= 5
  assert found["mfu"] == pytest.approx(
    found["images_per_s"] * found["gflop_per_image"] / found["matmul_gflops"],
    rel=0.01,
  )
  assert (found["batch"], found["image_px"]) == (8, 32)
  assert ("loop_over_step" in found) == ("--mode=loop" in arguments)


def test_throughput_needs_no_tensorflow():
  how = ["--config=configs/smoke.py", "--mode=infer"]
  command = ["benchmarks/throughput.py", *FAST, "--steps=1", *how]
  assert figures(run("-c", BLOCK, *command))["images_per_s"] > 0


def test_gflop_of_the_default_networks_by_hand():
  n, d = 256, 64
  embedding, mlp = n * 256 * d, 2 * n * d * 64
  external = 2 * n * d * 256
  single = 2 * n * d * 64
  self_attention = 4 * n * d * 256 + 2 * n * n * 256
  for config, attention in (
    ("eanet.py", external),
    ("eanet.py:single_head", single),
    ("vit.py", self_attention),
  ):
    group = command_line.load(str(ROOT / "configs" / config)).model
    network = networks.create(group.to_dict(), 3)
    expected = 2 * (embedding + 8 * (attention + mlp)) / 1e9
    found = benchmark("throughput").gflop_per_image(group, network, 256)
    assert found == pytest.approx(expected)


def test_peers_are_the_reference_network():
  code = """
import sys; sys.path.insert(0, "benchmarks")
from contestants import keras_eanet
print(keras_eanet.network(256, 8).count_params())
"""
  environment = {**os.environ, "KERAS_BACKEND": "jax"}
  done = run("-c", code, env=environment)
  # Ours before folding: tests/models/test_eanet.py.
  assert done.stdout.splitlines()[-1] == "370691", done.stderr


def test_peers_have_our_weights(monkeypatch):
  torch = pytest.importorskip("torch")
  monkeypatch.syspath_prepend(ROOT / "benchmarks")
  from contestants import torch_networks

  for name, stem in (("eanet", False), ("eanet_best", True)):
    config = command_line.load(str(ROOT / "configs" / f"{name}.py"))
    ours = networks.create(config.model, 3)
    images = np.zeros((1, 256, 256, 1), np.float32)
    parameters = jax.eval_shape(
      lambda ours=ours, images=images: ours.init(
        jax.random.key(0), images, deterministic=True
      )
    )["params"]
    theirs = torch_networks.EANet(256, config.model.num_blocks, stem=stem)
    biases = 64 * config.model.num_blocks  # that would cancel in a softmax
    assert sum(p.numel() for p in theirs.parameters()) - biases == sum(
      math.prod(leaf.shape) for leaf in jax.tree.leaves(parameters)
    )
    assert theirs(torch.zeros(2, 256, 256, 1)).shape == (2, 3)


@pytest.mark.parametrize(
  ("mode", "network", "against"),
  [
    ("infer", "eanet", "keras-jax"),
    pytest.param("train", "eanet", "keras-jax", marks=pytest.mark.slow),
    pytest.param("train", "eanet_best", "torch", marks=pytest.mark.slow),
    pytest.param("infer", "transfer", "torch", marks=pytest.mark.slow),
  ],
)
def test_peers_take_turns(mode, network, against):
  for module in ["torch"] * (against == "torch"):
    pytest.importorskip(module)
  done = run(
    "benchmarks/peers.py",
    f"--network={network}",
    "--image-px=32",
    "--batch=4",
    "--blocks=1",
    f"--mode={mode}",
    "--turns=2",
    "--seconds=0.1",
    f"--against={against}",
  )
  assert done.returncode == 0, done.stderr
  ours, theirs = done.stdout.splitlines()[-2:]
  assert ours.startswith("| eanet_jax")
  assert ours.endswith("| 1.00 |")
  assert against.split("-")[0] in theirs.lower()
  assert float(theirs.split("|")[-2]) > 0


@pytest.mark.slow
def test_scaling_draws_its_plot(tmp_path, monkeypatch, capsys):
  scaling = benchmark("scaling")
  for name, config in scaling._NETWORKS.values():
    title = networks.title(command_line.load(config).model.to_dict())
    assert title.split(",")[0] == name.split(",")[0]
  # The same steps, of a network that compiles in a quarter of the time.
  small = {name: (name, "configs/smoke.py") for name in scaling._NETWORKS}
  monkeypatch.setattr(scaling, "_NETWORKS", small)
  out = tmp_path / "scaling.png"
  sizes = ["--tokens=64", "--sides", "64", "128"]
  monkeypatch.setattr(sys, "argv", ["scaling.py", *sizes, f"--out={out}"])
  scaling.main()
  rows = capsys.readouterr().out.splitlines()[2:]
  assert [row.split("|")[2].strip() for row in rows] == ["16", "64"] * 2
  assert out.stat().st_size > 10_000


@pytest.mark.slow
def test_cold_start_times_every_door(monkeypatch, capsys):
  cold_start, found = benchmark("cold_start"), {}
  seconds = cold_start.seconds

  def seconds_once(command, runs, environment):
    """Times a command once, whatever is kept and warm."""
    if tuple(command) not in found:
      found[tuple(command)] = seconds(command, runs, environment)
    return found[tuple(command)]

  monkeypatch.setattr(cold_start, "seconds", seconds_once)
  arguments = ["cold_start.py", "--runs=1", "--config=configs/smoke.py"]
  monkeypatch.setattr(sys, "argv", arguments)
  cold_start.main()
  rows = capsys.readouterr().out.splitlines()[2:]
  assert len(rows) == 5
  for row in rows:
    assert 0 < float(row.split("|")[2]) < 300


def test_every_benchmark_is_documented():
  page = (ROOT / "benchmarks" / "README.md").read_text()
  for file in (ROOT / "benchmarks").glob("*.py"):
    assert f"python benchmarks/{file.name}" in page
    done = script(f"benchmarks/{file.name}", "--help")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_large_files_of_every_kind_are_read():
  done = run("benchmarks/large_files.py", "--scale=0.01")
  assert done.returncode == 0, done.stderr
  header, _, *rows = done.stdout.splitlines()
  assert header == "| file | processor | memory |"
  assert len(rows) == 10
  for row in rows:
    seconds, memory = (cell.split()[0] for cell in row.split("|")[2:4])
    assert 0 <= float(seconds) < 10 and 0 <= float(memory) < 1


def test_a_checkpoint_is_saved_and_read(trained):
  done = script("benchmarks/saving.py", str(trained), "--times=1")
  found = figures(done)
  assert 0 < found["held_up_s"] <= found["on_disk_s"]
  assert found["read_s"] > 0
  assert found["saves"] == 1


def test_robustness_scores_every_change_and_none_as_the_results_do(trained):
  done = script("benchmarks/robustness.py", str(trained))
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
  folds = [
    {"none": (np.array(true), np.array(predicted))}
    for true, predicted in (([0, 1, 1], [0, 0, 1]), ([1], [1]))
  ]
  true, predicted = benchmark("robustness").pooled(folds)["none"]
  assert (true == predicted).mean() == 0.75


def test_a_change_of_scale_keeps_the_middle():
  image = np.zeros((33, 33))
  image[16, 16], image[16, 24] = 100, 50
  for factor, column in ((0.5, 20), (1.25, 26), (1.0, 24)):
    scaled = benchmark("robustness").rescale(factor)(image, None)
    assert scaled[16, 16] == 100
    assert scaled[16, column] == 50, factor
  bar = benchmark("robustness").data_bar(image + 60, None)
  assert (bar[:-2] == image[:-2] + 60).all()
  assert (bar[-2:] != 60).all()


@pytest.mark.skipif(sys.platform != "linux", reason="needs os.wait4")
def test_predicting_measures_a_growing_table(trained, monkeypatch, capsys):
  predicting = benchmark("predicting")
  monkeypatch.setattr(predicting, "_ENOUGH_S", 0.1)
  arguments = ["predicting.py", str(trained), "--files", "12", "--fast"]
  monkeypatch.setattr(sys, "argv", arguments)
  predicting.main()
  _, _, row = capsys.readouterr().out.splitlines()
  files, first, rate, share, peak = (
    cell.strip() for cell in row.split("|")[1:-1]
  )
  assert files == "12"
  assert 0 < float(first) < 120
  assert float(rate) > 0
  assert "% of " in share
  assert 100 < float(peak) < 4000


@pytest.mark.slow
def test_label_efficiency_trains_both_ways_and_prints_the_gain(
  tmp_path, data_dir, monkeypatch
):
  monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
  command = [
    "benchmarks/label_efficiency.py",
    f"--workdir={tmp_path}",
    *("--folds=2", "--seeds=1", "--epochs=1", "--pretrain_epochs=1"),
    *(f"--set={field}" for field in SMALL),
  ]
  done = script(*command)
  assert done.returncode == 0, done.stderr
  row = done.stdout.splitlines()[-1]
  assert row.count("[") == 3
  results = [
    json.loads((tmp_path / f"from-{name}-1-0" / "results.json").read_text())
    for name in ("nothing", "pretrained")
  ]
  assert results[0]["split"] == results[1]["split"]
  again = script(*command)
  assert again.stdout.splitlines()[-1] == row


def test_data_bars_prints_shares_of_every_kind():
  done = script("benchmarks/data_bars.py", "--pictures=6")
  assert done.returncode == 0, done.stderr
  bars, boxes = done.stdout.split("\n\n")
  rows = [line.split("|")[1:-1] for line in bars.splitlines()[2:]]
  assert [row[0].strip() for row in rows][-1] == "none"
  assert len(rows) == 6
  rows += [line.split("|")[1:-1] for line in boxes.splitlines()[2:]]
  assert len(rows) == 12
  for i, row in enumerate(rows):
    shares = [float(cell.strip(" %")) for cell in row[2:-1]]
    # Of a box there are three outcomes, and what is found without one.
    assert sum(shares[: 4 if i < 6 else 3]) == pytest.approx(100, abs=0.2)
    assert shares[0] >= 50


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("name", ["FEI", "Zeiss", "Tescan", "JEOL", "Hitachi"])
def test_bars_of_five_microscopes_are_found(name, inverse):
  data_bars = benchmark("data_bars")
  for i, kind in enumerate(data_bars.SPECIMENS):
    grey = data_bars.specimen(kind, np.random.default_rng(i + 10))
    whole = data_bars.with_bar(grey, name, inverse)
    assert data_bar.crop_data_bar(whole) == len(whole) - len(grey), kind
    assert data_bar.crop_data_bar(grey) == 0, kind
    for zoom, quality in ((0.5, None), (0.75, 90), (1.5, None)):
      if (kind, quality) == ("void below", 90):
        continue  # a black void and a black bar become alike
      image = data_bars.sent(whole, zoom, "BICUBIC", quality)
      rows = zoom * (len(whole) - len(grey))
      assert abs(data_bar.crop_data_bar(image) - rows) <= 2.5, (kind, zoom)


def test_real_files_are_counted(tmp_path):
  data_bars = benchmark("data_bars")
  rng = np.random.default_rng(0)
  for i, name in enumerate(["FEI", "none"]):
    image = data_bars.with_bar(data_bars.specimen("laths", rng), name, False)
    Image.fromarray(image).save(tmp_path / f"{i}.png")
  done = script("benchmarks/data_bars.py", f"--folder={tmp_path}")
  assert "2 files, 1 with a bar" in done.stdout, done.stderr


KTH = ("aluminium_foil", "corduroy", "cork", "cotton", "linen", "wool")
# Classes, specimens of each and images of each, as few as its protocol needs.
SETS = {
  "neu_surface": (("crazing", "patches"), ("",), 6),
  "uhcs600": (("network", "pearlite"), [f"f{i}" for i in range(5)], 1),
  "bainite_martensite": (("bainite", "martensite"), ("1", "2"), 3),
  "kth_tips2b_grey": (KTH, "abcd", 4),
}


def make_set(folder, name):
  """Squares of random grey, of another size for each class."""
  classes, specimens, images = SETS[name]
  rng = np.random.default_rng(0)
  for i, label in enumerate(classes):
    for specimen in specimens:
      of_class = f"{label}_{specimen}" if name.startswith("kth") else specimen
      own = folder / name / label / of_class
      own.mkdir(parents=True, exist_ok=True)
      for number in range(images):
        side = 2 + i
        coarse = rng.normal(128, 50, (64 // side + 1,) * 2)
        image = np.kron(coarse, np.ones((side, side)))[:64, :64]
        image = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        image.save(own / f"{specimen}{number}.png")


@pytest.mark.parametrize(
  ("name", "tested"),
  [
    pytest.param("neu_surface", 2, marks=pytest.mark.slow),
    pytest.param("uhcs600", 10, marks=pytest.mark.slow),
    pytest.param("bainite_martensite", 48, marks=pytest.mark.slow),
    pytest.param("kth_tips2b_grey", 48, marks=pytest.mark.slow),
  ],
)
def test_real_sets_tests_every_system_by_the_protocol(
  name, tested, tmp_path, data_dir
):
  # Of its own: files are read in a process that starts from the main one.
  run_it = functools.partial(
    run, env={**os.environ, "TFDS_DATA_DIR": str(data_dir)}
  )
  make_set(tmp_path / "sets", name)
  command = [
    "benchmarks/real_sets.py",
    str(tmp_path / "sets"),
    f"--workdir={tmp_path / 'runs'}",
    *("--systems=transfer,mean_of_folds", "--seeds=0"),
    *("--set=dataset.image_px=32", "--set=dataset.tile_px=32"),
  ]
  done = run_it(*command)
  assert done.returncode == 0, done.stderr
  others = set(SETS) - {name}
  assert all(f"{other}: not in" in done.stdout for other in others)
  table = (tmp_path / "runs" / "real_sets.md").read_text().splitlines()
  assert table[0].startswith(f"| {name} ")
  assert len(table) == 2 + 5
  assert "<svg" in (tmp_path / "runs" / f"{name}.svg").read_text()
  module = benchmark("real_sets")
  level = module.PROTOCOLS[name].level
  results = [
    json.loads(path.read_text())
    for path in (tmp_path / "runs" / name / "transfer").rglob("results.json")
  ]
  assert sum(each["test"][level]["examples"] for each in results) == tested
  again = run_it(*command)
  assert "recommended: " in again.stdout
  assert "compiling" not in again.stderr


def test_novelty_tells_pictures_of_no_material_from_a_set(tmp_path, data_dir):
  make_set(tmp_path / "sets", "uhcs600")
  done = run(
    "benchmarks/novelty.py",
    str(tmp_path / "sets"),
    f"--workdir={tmp_path / 'runs'}",
    *("--set=dataset.image_px=64", "--set=evaluation.orientations=1"),
    env={**os.environ, "TFDS_DATA_DIR": str(data_dir)},
  )
  assert done.returncode == 0, done.stderr
  assert "neu_surface: not in" in done.stdout
  table = (tmp_path / "runs" / "novelty.md").read_text().splitlines()
  cells = {row.split("|")[1].strip(): row.split("|")[2] for row in table[2:]}
  assert float(cells["pictures of no material"].split(";")[0]) > 0.9
  assert "twice the magnification" in cells
  assert "a class not trained on" not in cells  # there are but two


@pytest.mark.slow  # it draws 360 micrographs
def test_coverage_is_of_specimens_that_were_not_trained_on(tmp_path, data_dir):
  done = run(
    "benchmarks/coverage.py",
    str(tmp_path / "sets"),
    f"--workdir={tmp_path / 'runs'}",
    *("--trials=2", "--specimens=5"),
    *("--set=dataset.image_px=64", "--set=evaluation.orientations=1"),
    env={**os.environ, "TFDS_DATA_DIR": str(data_dir)},
  )
  assert done.returncode == 0, done.stderr
  assert "kth_tips2b_grey: not in" in done.stdout
  table = (tmp_path / "runs" / "coverage.md").read_text().splitlines()
  rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[2:]]
  # Of each class 5 / 6 can be promised, of all together 15 / 16.
  assert [row[1:3] for row in rows] == [
    ["each class", "80 %"],
    ["all together", "90 %"],
  ]
  assert all(float(row[3].split("%")[0]) > 70 for row in rows)


def test_real_sets_without_a_set_is_no_success(tmp_path):
  command = ("benchmarks/real_sets.py", str(tmp_path), f"--workdir={tmp_path}")
  assert script(*command).returncode == 2


def test_trunk_times_each_way_that_is_installed():
  done = run("benchmarks/trunk.py", "--batch=2", "--image-px=32", "--rounds=1")
  assert done.returncode == 0, done.stderr
  rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[2:]]
  assert [row[0].strip() for row in rows] == ["ours", "xla", "torch"]
  for row in rows[:2]:
    assert float(row[1].split()[0]) > 0
  assert float(rows[0][2]) == 1


def test_the_compilers_grouped_convolution_is_the_trunks():
  from eanet_jax.models import efficientnet_lite

  rng = np.random.default_rng(0)
  maps = rng.normal(size=(2, 9, 8, 3)).astype("f4")
  for size, stride in ((3, 1), (3, 2), (5, 2)):
    kernel = rng.normal(size=(size, size, 3)).astype("f4")
    np.testing.assert_allclose(
      efficientnet_lite.depthwise(maps, kernel, stride),
      benchmark("trunk").by_xla(maps, kernel, stride),
      atol=1e-4,
    )


def test_memory_judges_a_slot_by_specimens_it_was_not_chosen_by():
  memory = benchmark("memory")
  rng = np.random.default_rng(0)
  half = np.arange(40) < 20
  known = rng.random(40)
  values = rng.random((40, 200))
  found, as_good, _ = memory.chosen_and_tested(values, known, half)
  assert abs(found) < 0.6  # the best of 200 on the first half has 0.6 or more
  assert as_good > 0.01
  values[:, 7] = -np.exp(3 * known)
  found, as_good, best = memory.chosen_and_tested(values, known, half)
  assert (found, best) == (pytest.approx(1), 7)
  assert as_good < 0.01
  values[~half, 7] *= -1  # it turns round
  assert memory.chosen_and_tested(values, known, half)[0] == pytest.approx(-1)


@pytest.mark.slow
def test_memory_prints_a_row_for_each_property_alone_and_together(trained):
  # A process of its own: workers import its main module anew.
  done = run(
    "benchmarks/memory.py", str(trained), "--specimens=6", "--images=1"
  )
  assert done.returncode == 0, done.stderr
  rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
  assert len(rows) == 2 + 10


def test_explanations_find_the_places_that_decide():
  explanations = benchmark("explanations")
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (48, 48), dtype=np.uint8)
  image[:12, 36:] = 255  # what the "network" asks for
  nothing = np.full_like(image, 100)
  corner = lambda images: images[:, :12, 36:, 0].mean(axis=(1, 2)) / 255
  order = np.zeros((4, 4))
  order[0, 3] = 1
  deleted, inserted = explanations.curves(image, nothing, order, corner)
  assert deleted.max() < 0.4
  assert inserted.min() == 1
  late, early = explanations.curves(image, nothing, -order, corner)
  assert late.min() == 1
  assert early.max() < 0.4
  maps = rng.normal(size=(2, 3, 64, 64))
  assert explanations.squares(maps).shape == (2, 3, 22, 22)
  np.testing.assert_allclose(
    explanations.squares(maps).sum((2, 3)), maps.sum((2, 3))
  )
  fine = explanations.by_square(image.astype(float), 4)
  assert fine[0, 3] == 255
  assert explanations.by_square(fine, 8)[1, 6] == 255


def test_explanations_tabulates_every_order_and_weight(trained):
  done = script("benchmarks/explanations.py", str(trained), "--views=2")
  assert done.returncode == 0, done.stderr
  rows = {
    line.split("|")[1].strip(): line.split("|")[2].strip()
    for line in done.stdout.splitlines()
    if line.startswith("| ")
  }
  for kind in ("deletion", "insertion"):
    for what in ("p", "lead"):
      assert ";" not in rows[f"{kind}, {what}, the map"]
      for order in ("random", "centre first", "attention"):
        assert ";" in rows[f"{kind}, {what}, {order}"]
  assert "rank, last layer" in rows


@pytest.mark.slow
def test_exports_are_timed_beside_this_program(trained):
  pytest.importorskip("onnxruntime")
  fast = ("--turns=1", "--seconds=0.05", "--formats", "stablehlo", "onnx")
  done = run("benchmarks/exports.py", str(trained), *fast)
  assert done.returncode == 0, done.stderr
  rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[2:]]
  assert [row[0].strip() for row in rows] == ["eanet_jax", "stablehlo", "onnx"]
  assert all(float(row[1]) < 1e-4 for row in rows[1:])
  assert all(float(row[4]) > 0 for row in rows)


@pytest.mark.skipif(sys.platform != "linux", reason="it needs signals")
def test_serving_measures_requests_beside_the_classifier(trained):
  pytest.importorskip("uvicorn")
  command = ("benchmarks/serving.py", str(trained))
  done = run(*command, "--clients=2", "--seconds=0.5")
  assert done.returncode == 0, done.stderr
  _, _, row = done.stdout.splitlines()
  clients, ready, first, rate, median, late, share = (
    cell.strip() for cell in row.split("|")[1:-1]
  )
  assert clients == "2"
  assert 0 < float(ready) < 120 and float(rate) > 0
  assert 0 <= float(median) <= float(late) and 0 <= float(first) < 60
  assert "% of " in share
