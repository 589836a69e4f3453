"""The script of a page computes what the networks compute."""

import json
import pathlib
import shutil
import subprocess

import jax
import numpy as np
import pytest
from made_networks import eanet, from_nothing, of_trunk, pictures

from eanet_jax import errors
from eanet_jax.explanation import contributions
from eanet_jax.exporting import html_page, page_network, page_script
from eanet_jax.inference import forward_pass, novelty
from eanet_jax.models import attention, ensemble, vgg
from eanet_jax.runtime import sharding

MESH = sharding.data_mesh()
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
SIDE = {"VGG": 40, "trunk": 48}


def of_members(model, side, count=2):
  images = np.zeros((1, side, side, 1), np.uint8)
  members = [from_nothing(model, images, seed) for seed in range(count)]
  variables = ensemble.stack(members)
  variables["calibration"] = {"temperature": np.float32(1.3)}
  return ensemble.Ensemble(model, count), variables


def of_novelty():
  """The frozen trunk with what its training images have in common."""
  model, variables = of_trunk()
  size = sum(model.network.sizes)
  rng = np.random.default_rng(3)
  directions, _ = np.linalg.qr(rng.normal(size=(size, ensemble.DIRECTIONS)))
  variables["familiar"] = {
    "mean": rng.normal(0, 0.5, size).astype("f4"),
    "std": rng.uniform(0.5, 2, size).astype("f4"),
    "directions": directions.T.astype("f4"),
    "threshold": np.float32(0.7),
  }
  return model, variables


def networks():
  """(model, variables, side, orientations, levels) by name."""
  small = {"patch_px": 8, "width": 12, "num_blocks": 1, "num_heads": 3}
  best = {
    "stem": "convolutions",
    "pooling": "maps",
    "position_embedding": False,
    "depthwise_size": 3,
    "num_blocks": 2,
  }
  self_attention = small | {"attention_type": "self", "key_width": 5}
  simplified = small | {"attention_type": "simplified"}
  kinds = {
    "EANet": eanet(**small),
    "one memory": eanet(**small, attention_type="single_memory"),
    "slots alone": eanet(**small, normalisation="slots"),
    "recommended": eanet(patch_px=8, width=16, num_heads=2, **best),
    "ViT": eanet(**self_attention),
    "simplified": eanet(**simplified),
    "VGG": vgg.VGG(
      3,
      vgg.Backbone(0.05, batch_norm=True),
      attention.ExternalAttention(2, 4),
    ),
  }
  found = {}
  for name, model in kinds.items():
    side = SIDE.get(name, 24)
    blank = np.zeros((1, side, side, 1), np.uint8)
    levels = (120.0, 40.0) if name == "EANet" else (None, None)
    found[name] = model, from_nothing(model, blank), side, 4, levels
  found["ensemble"] = (
    *of_members(kinds["recommended"], 24),
    24,
    8,
    (None, None),
  )
  found["trunk"] = *of_novelty(), SIDE["trunk"], 4, (None, None)
  return found


def write_case(folder, network, images):
  folder.mkdir()
  (folder / "weights").write_bytes(html_page.pack(network.weights))
  (folder / "images").write_bytes(images.tobytes())
  sizes = [each.size for each in network.weights]
  text = json.dumps({**network.description, "weights": sizes})
  (folder / "network.json").write_text(text)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
  """What the script answers, beside what it is asked: by name."""
  folder = tmp_path_factory.mktemp("cases")
  asked = {}
  for name, (model, variables, side, turns, levels) in networks().items():
    images = pictures(2, side)
    network = page_network.of(model, variables, *levels, side, turns)
    write_case(folder / name, network, images)
    asked[name] = model, variables, images, turns, levels
  script = pathlib.Path(__file__).with_name("page_network.mjs")
  done = subprocess.run(
    [NODE, script, page_script.FOLDER, folder],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  answers = json.loads(done.stdout)
  return {name: (*asked[name], answers[name]) for name in asked}


def column(answers, field):
  return np.array([each[field] for each in answers])


@needs_node
def test_probabilities_are_those_of_the_network(cases):
  for name, (model, variables, images, turns, levels, found) in cases.items():
    forward = forward_pass.ForwardPass(model, *levels, 2, MESH)
    on_devices = jax.device_put(variables, sharding.replicated(MESH))
    logits = forward(on_devices, images, np.arange(2), turns)
    expected = forward_pass.probabilities(logits)
    assert expected.std() > 1e-3, name  # else any answer would do
    np.testing.assert_allclose(
      column(found, "probabilities"), expected, atol=2e-6, err_msg=name
    )


@needs_node
def test_features_and_novelty_are_those_of_the_network(cases):
  model, variables, images, turns, levels, found = cases["trunk"]
  forward = forward_pass.ForwardPass(model, *levels, 2, MESH)
  features = forward.features(variables, images, np.arange(2), turns)
  np.testing.assert_allclose(column(found, "features"), features, atol=5e-5)
  familiar = dict(variables["familiar"])
  threshold = familiar.pop("threshold")
  distances = novelty.Familiar(**familiar).distances(features)
  np.testing.assert_allclose(
    column(found, "novelty"), distances / threshold, rtol=1e-5
  )
  assert all(each["novelty"] is None for each in cases["EANet"][-1])


@needs_node
def test_evidence_is_that_of_explain(cases):
  for name in ("trunk", "ensemble"):
    model, variables, images, turns, levels, found = cases[name]
    maps, constants = contributions.contributions(
      model, variables, images, *levels, turns, MESH
    )
    own = column(found, "maps").reshape(maps.shape)
    scale = np.abs(maps).max()
    np.testing.assert_allclose(own, maps, atol=1e-5 * scale, err_msg=name)
    for each in column(found, "constants"):
      np.testing.assert_allclose(each, constants, atol=1e-5, err_msg=name)


def test_weights_lose_their_last_bits_and_no_more():
  rng = np.random.default_rng(0)
  plain = rng.normal(size=(3, 5)).astype("f4")
  short = html_page.rounded(plain)
  np.testing.assert_allclose(short, plain, rtol=2**-20)
  assert not (short.view(np.uint32) & 15).any()
  assert (html_page.rounded(short) == short).all()


def test_a_network_in_another_type_is_refused():
  model = eanet(patch_px=8, width=8, num_blocks=1, dtype="bfloat16")
  variables = from_nothing(model, np.zeros((1, 16, 16, 1), np.uint8))
  with pytest.raises(errors.UserError, match=r"model\.dtype=float32"):
    page_network.of(model, variables, None, None, 16, 1)
