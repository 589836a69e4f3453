"""Operations of networks whose products can be counted by hand."""

import flax.linen as nn
import jax
import pytest
from made_networks import eanet

from eanet_jax.models import cost


class Product(nn.Module):
  """One product of all pixels."""

  @nn.compact
  def __call__(self, images, *, deterministic):
    pixels = images.reshape(images.shape[0], -1)
    return nn.Dense(3, use_bias=False)(pixels)


def test_a_product_is_a_multiplication_and_an_addition_of_each_weight():
  assert cost.gflop_per_image(Product(), 8) == pytest.approx(2 * 64 * 3 / 1e9)


def test_the_default_network_is_little_more_than_its_products():
  n, d, slots, mlp = 256, 64, 16 * 16, 64
  products = n * 256 * d + 8 * 2 * n * d * (slots + mlp)
  gflop = cost.gflop_per_image(eanet(), 256)
  assert 2 * products / 1e9 < gflop < 1.1 * 2 * products / 1e9


def test_it_is_counted_for_a_cpu_whatever_the_device(monkeypatch):
  # XLA counts for no other kind of device before it compiles.
  asked, analyse = [], jax.stages.Lowered.cost_analysis

  def noted(lowered):
    asked.append(jax.config.jax_default_device)
    return analyse(lowered)

  monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", noted)
  cost.gflop_per_image(Product(), 8)
  assert asked == [jax.local_devices(backend="cpu")[0]]


def test_where_there_is_no_cpu_nothing_is_counted(monkeypatch):
  def devices(*, backend):
    raise RuntimeError(f"Unknown backend {backend}")

  monkeypatch.setattr(jax, "local_devices", devices)
  assert cost.gflop_per_image(Product(), 8) is None
