"""An EANet of Keras or PyTorch under the names that this program has."""

import collections
import re
from typing import Any

import numpy as np

from eanet_jax.models.pretrained import weight_files

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
  "has a class token or a norm after the last block; this network classifies"
  " the mean of its tokens and has neither"
)


def convert(
  tensors: weight_files.Tensors, old: dict[str, Any]
) -> dict[str, np.ndarray | None]:
  """Returns {path: value} of an EANet; dense kernels are (in, out)."""
  blocks = sum(path.endswith("/memory_key") for path in old)
  if not blocks:
    raise weight_files.WrongFile(
      "cannot be loaded: only external attention with two memories can be, and"
      " this network's attention is another"
    )
  if dense := weight_files.keras_layers(tensors, "dense"):
    tensors = _keras_eanet(tensors, dense, blocks)
  else:
    tensors = _torch_eanet(tensors, blocks)
  new: dict[str, np.ndarray | None] = {
    "params/position_embedding": tensors.pop("pos_embed", None)
  }
  attention: dict[str, weight_files.Tensors] = collections.defaultdict(dict)
  for name, tensor in tensors.items():
    match = re.fullmatch(r"(?:blocks\.(\d+)\.)?(.+)\.(weight|bias)", name)
    block, layer, leaf = match.groups() if match else (None, name, None)
    scope = f"params/block_{block}" if block else "params"
    if block and layer in _ATTENTION:
      attention[scope][f"{layer}.{leaf}"] = tensor
    elif layer not in _LAYERS:
      raise weight_files.WrongFile(
        f"has {name}, which this network has no place for"
      )
    elif (layer, leaf) != ("norm1", "bias"):  # cancels in the softmax
      kind = "scale" if "norm" in layer else "kernel"
      leaf = kind if leaf == "weight" else leaf
      new[f"{scope}/{_LAYERS[layer]}/{leaf}"] = tensor
  for scope, parts in attention.items():
    folded = _fold(scope.partition("/")[2], parts, old)
    new |= {f"{scope}/attention/{leaf}": folded[leaf] for leaf in folded}
  path = "params/embedding/kernel"
  if (kernel := new.get(path)) is not None:
    new[path] = weight_files.sum_over_rgb(kernel, old[path])
  head = ("params/head/kernel", "params/head/bias")
  if any(
    getattr(new.get(path), "shape", ()) != old[path].shape for path in head
  ):
    new = {path: new[path] for path in new if path not in head}
  return new


def _keras_eanet(
  tensors: weight_files.Tensors, dense: list, blocks: int
) -> weight_files.Tensors:
  """Returns the tensors of the Keras example's EANet under PyTorch's names."""
  norms = weight_files.keras_layers(tensors, "layer_normalization")
  if len(norms) % 2:
    raise weight_files.WrongFile(_POOLED_OTHERWISE)
  if (len(dense), len(norms)) != (6 * blocks + 1, 2 * blocks):
    raise weight_files.WrongFile(
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


def _torch_eanet(
  tensors: weight_files.Tensors, blocks: int
) -> weight_files.Tensors:
  """Returns PyTorch's tensors with kernels (in, out) and positions (n, d)."""
  if {"cls_token", "norm.weight", "fc_norm.weight"} & tensors.keys():
    raise weight_files.WrongFile(_POOLED_OTHERWISE)
  found = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
  if found != {str(i) for i in range(blocks)}:
    raise weight_files.WrongFile(
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


def _fold(
  block: str, parts: weight_files.Tensors, old: dict[str, Any]
) -> weight_files.Tensors:
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
      raise weight_files.WrongFile(f"has no {name} of {block}")
  w_q, m_k, m_v, w_o, b_v, b_o = (parts[name].astype("f8") for name in names)
  d, width = w_q.shape if w_q.ndim == 2 else (0, 0)
  k, s = m_k.shape if m_k.ndim == 2 else (0, 0)
  h = width // max(k, 1)
  shapes = [(d, h * k), (k, s), (s, k), (h * k, d), (k,), (d,)]
  found = [tensor.shape for tensor in (w_q, m_k, m_v, w_o, b_v, b_o)]
  if found != shapes:
    raise weight_files.WrongFile(
      f"has {block} of shapes {', '.join(map(str, found))}, which are not those"
      " of external attention"
    )
  ours = old[f"params/{block}/attention/memory_key"].shape
  if (h, s) != ours[:2]:
    raise weight_files.WrongFile(
      f"has {h} heads of {s} slots in {block}, the network {ours[0]} of"
      f" {ours[1]}: set --config.model.num_heads={h} and num_slots={s}"
    )
  w_q, w_o = w_q.reshape(d, h, k), w_o.reshape(h, k, d)
  return {
    "memory_key": np.einsum("dhk,ks->hsd", w_q, m_k),
    "memory_value": np.einsum("sk,hkd->hsd", m_v, w_o),
    "bias": np.einsum("k,hkd->d", b_v, w_o) + b_o,
  }
