"""From the fields of a configuration to modules, and what people call them."""

import jax
import jax.numpy as jnp
import pytest
from conftest import ROOT
from made_networks import eanet as made

from eanet_jax import errors
from eanet_jax.configuration import command_line
from eanet_jax.models import attention, eanet, networks, vgg

# Every field another number, so that no two can change places.
FIELDS = {
  "patch_px": 4,
  "width": 12,
  "num_blocks": 2,
  "num_heads": 3,
  "num_slots": 5,
  "key_width": 6,
  "mlp_width": 20,
  "depthwise_size": 7,
  "dropout_rate": 0.3,
  "attention_dropout_rate": 0.4,
}


def group(config):
  """The `model` group of a config file."""
  file, _, variant = config.partition(":")
  path = str(ROOT / "configs" / f"{file}.py")
  return command_line.load(
    f"{path}:{variant}" if variant else path
  ).model.to_dict()


@pytest.mark.parametrize(
  ("attention_type", "attend"),
  [
    ("external", attention.ExternalAttention(3, 5, dropout_rate=0.4)),
    (
      "single_memory",
      attention.ExternalAttention(3, 5, True, dropout_rate=0.4),
    ),
    ("self", attention.SelfAttention(3, 6, 0.4)),
    ("simplified", attention.SimplifiedSelfAttention(0.4)),
  ],
)
def test_every_field_of_an_eanet_reaches_its_module(attention_type, attend):
  assert made(attention_type=attention_type, **FIELDS) == eanet.EANet(
    3,
    tokenizer=eanet.PatchEmbedding(4, 12),
    block=eanet.Block(attend, 20, 7, 0.3),
    num_blocks=2,
    dropout_rate=0.3,
  )


def test_fields_that_are_words_reach_their_modules():
  words = {
    "stem": "convolutions",
    "pooling": "maps",
    "position_embedding": False,
    "normalisation": "slots",
    "dtype": "bfloat16",
  }
  attend = attention.ExternalAttention(3, 5, False, "slots", 0.4)
  assert made(7, **FIELDS, **words) == eanet.EANet(
    7,
    tokenizer=eanet.ConvStem(4, 12, jnp.dtype("bfloat16")),
    block=eanet.Block(attend, 20, 7, 0.3),
    num_blocks=2,
    position_embedding=False,
    pool_maps=True,
    dropout_rate=0.3,
  )


@pytest.mark.parametrize("attention_type", ["none", "external"])
def test_every_field_of_a_vgg_reaches_its_module(attention_type):
  fields = {
    **group("vgg"),
    "attention_type": attention_type,
    "width_multiplier": 0.25,
    "num_heads": 3,
    "num_slots": 5,
    "dropout_rate": 0.3,
    "attention_dropout_rate": 0.4,
    "dtype": "bfloat16",
  }
  attend = attention.ExternalAttention(3, 5, dropout_rate=0.4)
  assert networks.create(fields, 4) == vgg.VGG(
    4,
    vgg.Backbone(0.25, True, jnp.dtype("bfloat16")),
    attend if attention_type == "external" else None,
    0.3,
  )


@pytest.mark.parametrize(
  "config", ["eanet_best", "vit", "vgg_attention", "transfer"]
)
def test_a_network_is_static_and_equal_to_another_of_its_fields(config):
  # So it can be an argument that jit does not trace.
  one, other = (networks.create(group(config), 3) for _ in range(2))
  assert one == other
  assert hash(one) == hash(other)
  traced = []
  jit = jax.jit(lambda model, x: traced.append(model) or x, static_argnums=0)
  jit(one, 1.0)
  jit(other, 1.0)
  assert len(traced) == 1


@pytest.mark.parametrize(
  ("field", "value", "named"),
  [
    ("name", "resnet", "'resnet'"),
    ("stem", "pixels", "'pixels'"),
    ("attention_type", "linear", "'linear'"),
    ("pooling", "max", "'max'"),
    ("slot_width", 4, "'slot_width'"),
  ],
)
def test_a_group_of_another_version_is_refused(field, value, named):
  with pytest.raises(errors.UserError, match=f"another version .*{named}"):
    networks.create({**group("eanet"), field: value}, 3)


def test_a_group_without_a_field_is_refused():
  fields = group("eanet")
  del fields["stem"]
  with pytest.raises(errors.UserError, match="'stem'"):
    networks.create(fields, 3)


@pytest.mark.parametrize(
  ("config", "title"),
  [
    ("eanet", "EANet, 16 x 16 slots"),
    ("eanet:single_memory", "EANet, 16 x 16 slots, one memory"),
    ("eanet_best", "EANet, 16 x 16 slots, convolutional stem"),
    ("transfer", "Linear classifier on a frozen EfficientNet-Lite0"),
    ("vit", "ViT"),
    ("vit:simplified", "ViT, simplified self-attention"),
    ("vgg", "VGG16, 0.125 of its width, batch norm"),
    ("vgg_attention", "VGG16 + attention, 0.125 of its width, batch norm"),
  ],
)
def test_a_network_has_a_title(config, title):
  assert networks.title(group(config)) == title
