"""EANet with external attention: the paper's, and that of eanet_best."""

import numpy as np

from reference import attention, layers


def paper(p, images, patch_px):
  """Logits (b, l) of images (b, y, x, c)."""
  b, y, x, _ = images.shape
  cut = [
    images[:, i : i + patch_px, j : j + patch_px].reshape(b, -1)
    for i in range(0, y, patch_px)
    for j in range(0, x, patch_px)
  ]
  tokens = np.stack(cut, axis=1) @ p["embedding/kernel"] + p["embedding/bias"]
  tokens = tokens + p["position_embedding"]
  for q in _blocks(p):
    tokens = _block(q, tokens)
  return tokens.mean(axis=1) @ p["head/kernel"] + p["head/bias"]


def local(p, stats, images):
  """With two convolutions as stem, neighbours in each block, maps pooled."""
  maps = [images]
  for i in range(2):
    y = layers.strided_conv(maps[-1], p[f"stem/conv_{i}/kernel"])
    maps.append(layers.gelu(layers.batch_norm(y, p, stats, f"stem/norm_{i}")))
  tokens = maps[-1]
  for q in _blocks(p):
    y = layers.depthwise_conv(tokens, q["depthwise/kernel"])
    tokens = tokens + y + q["depthwise/bias"]
    flat = tokens.reshape(len(tokens), -1, tokens.shape[-1])
    tokens = _block(q, flat).reshape(tokens.shape)
  means = [each.mean(axis=(1, 2)) for each in (*maps[1:], tokens)]
  pooled = np.concatenate(means, axis=-1)
  pooled = layers.batch_norm(pooled, p, stats, "pool_norm")
  return pooled @ p["head/kernel"] + p["head/bias"]


def _blocks(p):
  """The parameters of each block, by what follows its name."""
  count = len({path.split("/")[0] for path in p if path.startswith("block_")})
  return [
    {
      path.removeprefix(f"block_{i}/"): leaf
      for path, leaf in p.items()
      if path.startswith(f"block_{i}/")
    }
    for i in range(count)
  ]


def _block(q, tokens):
  f = layers.layer_norm(tokens, q["attention_norm/scale"], 0)
  memory = (q[f"attention/{name}"] for name in ("memory_key", "memory_value"))
  tokens = tokens + attention.external(f, *memory, q["attention/bias"])[0]
  f = layers.layer_norm(tokens, q["mlp_norm/scale"], q["mlp_norm/bias"])
  f = layers.gelu(f @ q["mlp_in/kernel"] + q["mlp_in/bias"])
  return tokens + f @ q["mlp_out/kernel"] + q["mlp_out/bias"]
