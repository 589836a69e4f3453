"""Weights from a file of Keras or PyTorch, to fine-tune a network from.

Takes a file and the freshly initialised variables of a VGG or an EANet, gives
those variables with all that the file has for the network.
"""

import collections
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import flax.traverse_util
import numpy as np

from eanet_jax import errors
from eanet_jax.models.pretrained import weight_files

Tensors = weight_files.Tensors
WrongFile = weight_files.WrongFile

# Keras' published VGG16 takes grey levels less their mean, not divided by
# their spread; this program's images have unit spread, as PyTorch's have.
# ImageNet's levels have a spread of 0.226 of the full 255.
_GREY_LEVEL_SPREAD = 57.6
# EANet's names in PyTorch, and here. Of external attention with several heads
# they are W_q, M_k, M_v and W_o.
_ATTENTION = ("attn.trans_dims", "attn.linear_0", "attn.linear_1", "attn.proj")
_LAYERS = {
  "patch_embed.proj": "embedding",
  "norm1": "attention_norm",
  "norm2": "mlp_norm",
  "mlp.fc1": "mlp_in",
  "mlp.fc2": "mlp_out",
  "head": "head",
}
_POOLED_OTHERWISE = (
  "has a class token or a norm behind the last block; this network classifies"
  " the mean of its tokens and has neither"
)


def load(
  file: pathlib.Path, params: dict[str, Any], batch_stats: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns new (params, batch_stats), float32 where the file has weights.

  A VGG keeps its head and attention as initialised, an EANet its head if the
  file's has another number of classes. A kernel of three channels is summed
  over them where the network has one: a grey image has the same in all three.

  The Keras example of an EANet standardises images itself; here they come
  standardised. Its GELU is the tanh form, within 5e-4 of the exact one, and its
  layer norms add 1e-5 to the variance where these add 1e-6.

  Args:
    file: a Keras model as .h5 or .hdf5, or a PyTorch state dict, under
      torchvision's names or those of `_ATTENTION` and `_LAYERS`, as
      .safetensors or .npz.
    params: of a VGG ("backbone") or an EANet ("block_0").
    batch_stats: of the same network; empty without batch norm.

  Raises:
    UserError: the file cannot be read, or is not of this network.
  """
  old = flax.traverse_util.flatten_dict(
    {"params": params, "batch_stats": batch_stats}, sep="/"
  )
  new: Mapping[str, np.ndarray | None]  # None of what a file lacks
  try:
    tensors = weight_files.read(file)
    new = (_vgg if "backbone" in params else _eanet)(tensors, old)
    for path in sorted(new.keys() | old.keys()):
      _check(path, new.get(path), old.get(path))
  except WrongFile as error:
    raise errors.UserError(f"{file} {error}") from None
  for path, value in new.items():
    old[path] = np.ascontiguousarray(value, np.float32)
  merged = flax.traverse_util.unflatten_dict(old, sep="/")
  return merged["params"], merged.get("batch_stats", {})


def _check(path: str, new: np.ndarray | None, old: Any) -> None:
  """Raises WrongFile unless `new` can stand in the place of `old`."""
  name = path.partition("/")[2]
  layer = name.partition("/")[0]
  if new is None:
    if layer not in ("head", "attention", "attention_norm"):
      raise WrongFile(f"has no weights for {name}")
  elif old is None:
    raise WrongFile(f"has weights for {name}, which the network has not")
  elif new.shape != old.shape:
    advice = (
      "pretrained weights need --config.model.width_multiplier=1"
      if layer == "backbone"
      else "model.width, mlp_width and patch_px, and dataset.image_px, must be"
      " those it was trained with"
    )
    raise WrongFile(
      f"has {name} of shape {new.shape}, the network {old.shape}: {advice}"
    )


def _keras_layers(tensors: Tensors, kind: str) -> list[Tensors]:
  """Returns [{"weight": .., "bias": ..}] of a kind, as they were made."""
  leaves = {"0": "weight", "1": "bias"}
  found: dict[str, Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    layer, _, leaf = name.rpartition("/vars/")
    if leaf in leaves and re.fullmatch(rf"(.*/)?({kind})(_\d+)?", layer):
      found[layer][leaves[leaf]] = tensor
  # dense, dense_1, ..., dense_9, dense_10
  number = lambda layer: [int(n) for n in re.findall(r"\d+", layer)]
  return [found[layer] for layer in sorted(found, key=number)]


def _sum_over_rgb(kernel: np.ndarray, old: Any) -> np.ndarray:
  """Returns kernel (..., c, d), summed over c if it has 3 and `old` has 1."""
  d = old.shape[-1]
  if kernel.size == 3 * old.size and kernel.shape[-1] == d:
    kernel = kernel.reshape(-1, 3, d).sum(axis=1, dtype="f8").reshape(old.shape)
  return kernel


def _vgg(tensors: Tensors, old: dict[str, Any]) -> Tensors:
  """Returns {path: value} of a VGG's backbone; kernels are (y, x, c, d)."""
  if any("batch_normalization" in name for name in tensors):
    raise WrongFile("has batch norms of Keras; only PyTorch's can be loaded")
  found: dict[int, Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    if match := re.fullmatch(r"(?:.*\.)?features\.(\d+)\.(\w+)", name):
      tensor = tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor
      found[int(match[1])][match[2]] = tensor
  keras = _keras_layers(tensors, r"block\d_conv\d|conv2d")
  layers = keras or [found[i] for i in sorted(found)]
  is_conv = [
    "weight" in layer and layer["weight"].ndim == 4 for layer in layers
  ]
  stages = re.findall(r"backbone/conv(\w+)/kernel", " ".join(sorted(old)))
  n = len(stages)
  if is_conv not in ([True] * n, [True, False] * n):
    raise WrongFile(
      f"has {sum(is_conv)} convolutions and {is_conv.count(False)} norms under"
      f" known names, VGG16 {n} and one behind each or none"
    )
  norms = not all(is_conv)
  if norms != any(path.startswith("batch_stats/") for path in old):
    raise WrongFile(
      f"has {'' if norms else 'no '}batch norms and the network has"
      f" {'none' if norms else 'them'}: set --config.model.batch_norm={norms}"
    )
  new, stage = {}, -1
  for layer, conv in zip(layers, is_conv, strict=True):
    stage += conv  # a norm is of the convolution before it
    name = f"backbone/{'conv' if conv else 'norm'}{stages[stage]}"
    for leaf, tensor in layer.items():
      group = "batch_stats" if leaf.startswith("running_") else "params"
      leaf = leaf.removeprefix("running_")
      if leaf == "weight":
        leaf = "kernel" if conv else "scale"
      new[f"{group}/{name}/{leaf}"] = tensor
  first = f"params/backbone/conv{stages[0]}/kernel"
  if keras:  # whose channels are in the order blue, green, red
    new[first] = _GREY_LEVEL_SPREAD * new[first][:, :, ::-1]
  new[first] = _sum_over_rgb(new[first], old[first])
  return new


def _eanet(
  tensors: Tensors, old: dict[str, Any]
) -> dict[str, np.ndarray | None]:
  """Returns {path: value} of an EANet; dense kernels are (in, out)."""
  blocks = sum(path.endswith("/memory_key") for path in old)
  if not blocks:
    raise WrongFile(
      "cannot be loaded: only external attention with two memories can be, and"
      " this network's attention is another"
    )
  if dense := _keras_layers(tensors, "dense"):
    tensors = _keras_eanet(tensors, dense, blocks)
  else:
    tensors = _torch_eanet(tensors, blocks)
  new: dict[str, np.ndarray | None] = {
    "params/position_embedding": tensors.pop("pos_embed", None)
  }
  attention: dict[str, Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    match = re.fullmatch(r"(?:blocks\.(\d+)\.)?(.+)\.(weight|bias)", name)
    block, layer, leaf = match.groups() if match else (None, name, None)
    scope = f"params/block_{block}" if block else "params"
    if block and layer in _ATTENTION:
      attention[scope][f"{layer}.{leaf}"] = tensor
    elif layer not in _LAYERS:
      raise WrongFile(f"has {name}, which this network has no place for")
    elif (layer, leaf) != ("norm1", "bias"):  # cancels in the softmax
      kind = "scale" if "norm" in layer else "kernel"
      leaf = kind if leaf == "weight" else leaf
      new[f"{scope}/{_LAYERS[layer]}/{leaf}"] = tensor
  for scope, parts in attention.items():
    folded = _fold(scope.partition("/")[2], parts, old)
    new |= {f"{scope}/attention/{leaf}": folded[leaf] for leaf in folded}
  path = "params/embedding/kernel"
  if (kernel := new.get(path)) is not None:
    new[path] = _sum_over_rgb(kernel, old[path])
  head = ("params/head/kernel", "params/head/bias")
  if any(
    getattr(new.get(path), "shape", ()) != old[path].shape for path in head
  ):
    new = {path: new[path] for path in new if path not in head}
  return new


def _keras_eanet(tensors: Tensors, dense: list, blocks: int) -> Tensors:
  """Returns the tensors of the Keras example's EANet under PyTorch's names."""
  norms = _keras_layers(tensors, "layer_normalization")
  if len(norms) % 2:
    raise WrongFile(_POOLED_OTHERWISE)
  if (len(dense), len(norms)) != (6 * blocks + 1, 2 * blocks):
    raise WrongFile(
      f"has {len(dense)} dense layers and {len(norms)} layer norms, {blocks}"
      f" blocks of external attention {6 * blocks + 1} and {2 * blocks}"
      " (--config.model.num_blocks)"
    )
  names = [
    f"blocks.{i}.{layer}"
    for i in range(blocks)
    for layer in (*_ATTENTION, "mlp.fc1", "mlp.fc2")
  ] + ["head"]
  names += [f"blocks.{i}.norm{j}" for i in range(blocks) for j in (1, 2)]
  named = {
    f"{name}.{leaf}": tensor
    for name, layer in zip(names, dense + norms, strict=True)
    for leaf, tensor in layer.items()
  }
  ends = {  # in the layout of Keras 3, and in the one before
    "patch_embed.proj.weight": ("/proj/vars/0", "patch_embedding/vars/0"),
    "patch_embed.proj.bias": ("/proj/vars/1", "patch_embedding/vars/1"),
    "pos_embed": ("/pos_embed/vars/0", "patch_embedding/vars/2"),
  }
  return named | {
    target: tensor
    for name, tensor in tensors.items()
    for target, end in ends.items()
    if name.endswith(end)
  }


def _torch_eanet(tensors: Tensors, blocks: int) -> Tensors:
  """Returns PyTorch's tensors with kernels (in, out) and positions (n, d)."""
  if {"cls_token", "norm.weight", "fc_norm.weight"} & tensors.keys():
    raise WrongFile(_POOLED_OTHERWISE)
  found = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
  if found != {str(i) for i in range(blocks)}:
    raise WrongFile(
      f"has {len(found)} blocks under known names, the network {blocks}"
      " (--config.model.num_blocks)"
    )
  named = {}
  for name, tensor in tensors.items():
    if name == "patch_embed.proj.weight" and tensor.ndim == 4:
      tensor = tensor.transpose(2, 3, 1, 0)  # (y, x, c, d)
      tensor = tensor.reshape(-1, tensor.shape[-1])
    elif name == "pos_embed":
      tensor = tensor[0] if tensor.shape[:1] == (1,) else tensor
    elif tensor.ndim == 2:
      tensor = tensor.T
    named[name] = tensor
  return named


def _fold(block: str, parts: Tensors, old: dict[str, Any]) -> Tensors:
  """Returns a block's memory_key, memory_value and bias, in float64.

  The file's attention is F = x W_q + b_q, cut into h heads of k channels, then
  logits F_h M_k + b_k, both norms, A_h M_v + b_v, and W_o, b_o over the heads
  side by side. No non-linearity stands between W_q and M_k or between M_v and
  W_o. Whatever is the same for all tokens (b_q, b_k and the bias of the norm
  before) cancels in the softmax over them; b_v does not.

  Args:
    block: its name, for errors.
    parts: the tensors of `_ATTENTION`; kernels are (in, out).
    old: of the network, for its h and s.
  """
  names = [f"{layer}.weight" for layer in _ATTENTION]
  names += [f"{layer}.bias" for layer in _ATTENTION[2:]]
  for name in names:
    if name not in parts:
      raise WrongFile(f"has no {name} of {block}")
  w_q, m_k, m_v, w_o, b_v, b_o = (parts[name].astype("f8") for name in names)
  d, width = w_q.shape if w_q.ndim == 2 else (0, 0)
  k, s = m_k.shape if m_k.ndim == 2 else (0, 0)
  h = width // max(k, 1)
  shapes = [(d, h * k), (k, s), (s, k), (h * k, d), (k,), (d,)]
  found = [tensor.shape for tensor in (w_q, m_k, m_v, w_o, b_v, b_o)]
  if found != shapes:
    raise WrongFile(
      f"has {block} of shapes {', '.join(map(str, found))}, which are not those"
      " of external attention"
    )
  ours = old[f"params/{block}/attention/memory_key"].shape
  if (h, s) != ours[:2]:
    raise WrongFile(
      f"has {h} heads of {s} slots in {block}, the network {ours[0]} of"
      f" {ours[1]}: set --config.model.num_heads={h} and num_slots={s}"
    )
  w_q, w_o = w_q.reshape(d, h, k), w_o.reshape(h, k, d)
  return {
    "memory_key": np.einsum("dhk,ks->hsd", w_q, m_k),
    "memory_value": np.einsum("sk,hkd->hsd", m_v, w_o),
    "bias": np.einsum("k,hkd->d", b_v, w_o) + b_o,
  }
