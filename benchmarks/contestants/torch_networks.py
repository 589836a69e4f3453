"""The same networks in PyTorch, to run against, as they are and compiled.

EANet as the Keras example has it, with its projections folded as ours are; and
EfficientNet-Lite0 by `efficientnet-lite-pytorch`, frozen or fine-tuned.
"""

import itertools
from collections.abc import Callable

import torch
from contestants import workload
from torch import nn
from torch.nn import functional

_PATCH_PX, _WIDTH, _HEADS, _SLOTS, _MLP_WIDTH = 16, 64, 16, 16, 64


class ExternalAttention(nn.Module):
  """Memories (h, s, d) that all images share, between two products.

  Args:
    dropout: on the attention map.
  """

  def __init__(self, dropout: float):
    """See the class."""
    super().__init__()
    shape = (_HEADS, _SLOTS, _WIDTH)
    self.key = nn.Parameter(torch.randn(shape) * _WIDTH**-0.5)
    self.value = nn.Parameter(torch.randn(shape) * _HEADS**-0.5)
    self.bias = nn.Parameter(torch.zeros(_WIDTH))
    self.drop = nn.Dropout(dropout)

  def forward(self, tokens: torch.Tensor) -> torch.Tensor:
    """Returns (b, n, d) of tokens (b, n, d)."""
    weights = torch.einsum("bnd,hsd->bhns", tokens, self.key).softmax(2)
    weights = weights / (1e-9 + weights.sum(-1, keepdim=True))
    out = torch.einsum("bhns,hsd->bnd", self.drop(weights), self.value)
    return out + self.bias


class Block(nn.Module):
  """Pre-norm block of external attention and an MLP.

  Args:
    dropout: everywhere in it.
    depthwise: whether a depthwise convolution comes first.
  """

  def __init__(self, dropout: float, *, depthwise: bool):
    """See the class."""
    super().__init__()
    self.depthwise = (
      nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH)
      if depthwise
      else None
    )
    self.attention = nn.Sequential(
      nn.LayerNorm(_WIDTH, 1e-6),
      ExternalAttention(dropout),
      nn.Dropout(dropout),
    )
    self.mlp = nn.Sequential(
      nn.LayerNorm(_WIDTH, 1e-6),
      nn.Linear(_WIDTH, _MLP_WIDTH),
      nn.GELU(),
      nn.Dropout(dropout),
      nn.Linear(_MLP_WIDTH, _WIDTH),
      nn.Dropout(dropout),
    )

  def forward(self, tokens: torch.Tensor) -> torch.Tensor:
    """Returns (b, n, d) of tokens (b, n, d)."""
    if self.depthwise is not None:
      side = round(tokens.shape[1] ** 0.5)
      maps = tokens.transpose(1, 2).unflatten(2, (side, side))
      tokens = tokens + self.depthwise(maps).flatten(2).transpose(1, 2)
    tokens = tokens + self.attention(tokens)
    return tokens + self.mlp(tokens)


class EANet(nn.Module):
  """The paper's network, or the recommended one of those from nothing.

  Args:
    image_px: side of an image.
    blocks: of the transformer.
    stem: whether it is the recommended one.
  """

  def __init__(self, image_px: int, blocks: int, *, stem: bool):
    """See the class."""
    super().__init__()
    dropout = 0.1 if stem else 0.2
    self.pools_maps, self.position = stem, None
    if stem:
      depth = _PATCH_PX.bit_length() - 1
      widths = [1, *(_WIDTH >> (depth - 1 - i) for i in range(depth))]
      self.stem = nn.ModuleList(
        nn.Sequential(
          nn.Conv2d(a, b, 3, 2, padding=1, bias=False),
          nn.BatchNorm2d(b),
          nn.GELU(),
        )
        for a, b in itertools.pairwise(widths)
      )
      pooled = sum(widths[1:]) + _WIDTH
      self.norm = nn.Sequential(nn.BatchNorm1d(pooled), nn.Dropout(dropout))
    else:
      self.stem = nn.ModuleList([nn.Conv2d(1, _WIDTH, _PATCH_PX, _PATCH_PX)])
      tokens = (image_px // _PATCH_PX) ** 2
      self.position = nn.Parameter(torch.randn(tokens, _WIDTH) * 0.02)
      pooled, self.norm = _WIDTH, nn.Identity()
    self.blocks = nn.Sequential(
      *(Block(dropout, depthwise=stem) for _ in range(blocks))
    )
    self.head = nn.Linear(pooled, workload.CLASSES)

  def forward(self, images: torch.Tensor) -> torch.Tensor:
    """Returns logits (b, l) of grey levels (b, y, x, 1)."""
    maps = [images.permute(0, 3, 1, 2) / 60 - 2]
    for layer in self.stem:
      maps.append(layer(maps[-1]))
    tokens = maps[-1].flatten(2).transpose(1, 2)
    if self.position is not None:
      tokens = tokens + self.position
    means = [self.blocks(tokens).mean(1)]
    if self.pools_maps:
      means = [each.mean((2, 3)) for each in maps[1:]] + means
    return self.head(self.norm(torch.cat(means, 1)))


class Transfer(nn.Module):
  """EfficientNet-Lite0 under one linear layer, of all its maps or the last.

  Args:
    frozen: whether only the layer above it is trained. Then it takes what ours
      takes, mean and spread of the maps of blocks 5 to 15, with batch norms
      folded; else the mean of the last map, as it is fine-tuned.
    classes: l.
  """

  def __init__(self, *, frozen: bool, classes: int = workload.CLASSES):
    """See the class."""
    super().__init__()
    self.frozen, self.trunk = frozen, efficientnet_lite0()
    if frozen:
      fold_norms(self.trunk)
    self.head = nn.LazyLinear(classes)

  def forward(self, images: torch.Tensor) -> torch.Tensor:
    """Returns logits (b, l) of grey levels (b, y, x, 1)."""
    images = images.permute(0, 3, 1, 2)
    std, mean = torch.std_mean(images, (1, 2, 3), keepdim=True)
    images = ((images - mean) / std).expand(-1, 3, -1, -1)
    if not self.frozen:
      maps = self.trunk.extract_features(images)
      return self.head(maps.mean((2, 3)))
    maps, found = self.trunk._swish(self.trunk._conv_stem(images)), []
    for i, block in enumerate(self.trunk._blocks):
      maps = block(maps)
      if i >= 5:
        std, mean = torch.std_mean(maps, (2, 3))
        found += [mean, (std + 1e-3).log()]
    return self.head(torch.cat(found, 1))


def efficientnet_lite0() -> nn.Module:
  """Returns the published network with the weights that ours has."""
  import efficientnet_lite_pytorch

  from eanet_jax.models.pretrained import efficientnet_lite0

  return efficientnet_lite_pytorch.EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=str(efficientnet_lite0.path())
  )


def fold_norms(network: nn.Module) -> None:
  """Folds each batch norm of an EfficientNet-Lite into its convolution."""
  from torch.nn.utils import fusion

  network.eval()

  def fold(of: nn.Module, convolution: str, norm: str) -> None:
    fused = fusion.fuse_conv_bn_eval(
      getattr(of, convolution), getattr(of, norm)
    )
    setattr(of, convolution, fused)
    setattr(of, norm, nn.Identity())

  fold(network, "_conv_stem", "_bn0")
  for block in network._blocks:
    if hasattr(block, "_expand_conv"):
      fold(block, "_expand_conv", "_bn0")
    fold(block, "_depthwise_conv", "_bn1")
    fold(block, "_project_conv", "_bn2")


def work(compiled: bool, asked: workload.Asked) -> tuple[str, Callable]:
  """Returns (title, work): work(k) trains or infers k batches, to the end."""
  training = asked.mode == "train"
  if asked.network == "transfer":
    network = Transfer(frozen=not training)
    kind = ", fine-tuned" if training else ", frozen"
  else:
    stem = asked.network == "eanet_best"
    network, kind = EANet(asked.image_px, asked.blocks, stem=stem), ""
  network.train(training)
  images, labels = workload.images(asked)
  images, labels = torch.from_numpy(images), torch.from_numpy(labels)
  with torch.no_grad():
    network(images[:2])  # a lazy layer takes its shape
  network = network.to(memory_format=torch.channels_last)
  batches = list(
    zip(
      map(torch.from_numpy, workload.batches(asked, images.numpy())),
      map(torch.from_numpy, workload.batches(asked, labels.numpy())),
      strict=True,
    )
  )
  run = torch.compile(network) if compiled else network
  title = f"torch {torch.__version__.split('+')[0]}{kind}"
  title += ", compiled" if compiled else ""
  optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-4)

  def train(count: int) -> None:
    for i in range(count):
      images, labels = batches[i % len(batches)]
      optimizer.zero_grad()
      functional.cross_entropy(run(images), labels).backward()
      optimizer.step()

  def infer(count: int) -> None:
    with torch.no_grad():
      for i in range(count):
        run(batches[i % len(batches)][0])

  return title, train if training else infer
