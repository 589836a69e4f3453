"""EfficientNet-Lite0 fine-tuned in PyTorch, as a practitioner would do it.

Whole network, at the side it was made for; AdamW, a tenth of the new layer's
learning rate below it, warmed up and annealed; random turns and mirrorings.
Nothing of it was chosen on any of the sets.
"""

import pathlib
import time
from typing import Any

import numpy as np
import torch
from contestants import outcomes, torch_networks
from torch.nn import functional

from eanet_jax.commands import training_job
from eanet_jax.runtime import atomic_files, console

_SIDE, _EPOCHS, _BATCH, _RATE, _DECAY = 224, 8, 16, 2e-3, 1e-2


def outcome(
  config: Any, run: pathlib.Path, level: str, label: str
) -> outcomes.Outcome:
  """Returns the outcome of a fine-tuned EfficientNet, of now or of before."""
  data, _ = training_job.load(config)
  views, test = data.views, data.views.of(data.split.test)
  kept = run / "fine_tuned.npz"
  if not kept.exists():
    console.say(label)
    begun, train = time.monotonic(), views.of(data.split.train)
    p = probabilities(
      views.images,
      train,
      data.view_labels[train],
      test,
      len(views.class_names),
      config.train.seed,
    )
    run.mkdir(parents=True, exist_ok=True)
    seconds = np.array(time.monotonic() - begun)
    atomic_files.write_arrays(kept, {"probabilities": p, "seconds": seconds})
  with np.load(kept) as found:
    predictions = outcomes.predictions_of(
      views, test, found["probabilities"], level
    )
    return outcomes.Outcome(predictions, seconds=float(found["seconds"]))


def probabilities(
  images: np.ndarray,
  train: np.ndarray,
  labels: np.ndarray,
  test: np.ndarray,
  classes: int,
  seed: int,
) -> np.ndarray:
  """Returns float64 (t, l) of the test images, the mean over quarter turns.

  Args:
    images: uint8 (v, y, x, 1).
    train: int (n,), which of them are trained on.
    labels: int (n,), of those.
    test: int (t,), which are answered for.
    classes: l.
    seed: of all that is random.
  """
  torch.manual_seed(seed)
  rng = np.random.default_rng(seed)
  network = torch_networks.Transfer(frozen=False, classes=classes)

  def batch(rows: np.ndarray) -> torch.Tensor:
    some = torch.from_numpy(images[rows].astype(np.float32))
    some = functional.interpolate(
      some.permute(0, 3, 1, 2), (_SIDE, _SIDE), mode="area"
    )
    return some.permute(0, 2, 3, 1)

  with torch.no_grad():
    network.eval()(batch(train[:2]))  # a lazy layer takes its shape
  network = network.to(memory_format=torch.channels_last)
  optimizer = torch.optim.AdamW(
    [
      {"params": network.trunk.parameters(), "lr": _RATE / 10},
      {"params": network.head.parameters(), "lr": _RATE},
    ],
    weight_decay=_DECAY,
  )
  steps = _EPOCHS * (len(train) // _BATCH)
  schedule = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, [_RATE / 10, _RATE], total_steps=steps, pct_start=0.1
  )
  network.train()
  bar = console.progress(total=steps, unit="step", leave=False)
  with bar:
    for _ in range(_EPOCHS):
      order = rng.permutation(len(train))
      for start in range(0, len(order) - _BATCH + 1, _BATCH):
        chosen = order[start : start + _BATCH]
        shown = torch.rot90(batch(train[chosen]), rng.integers(4), (1, 2))
        shown = shown.flip(1) if rng.integers(2) else shown
        optimizer.zero_grad()
        target = torch.from_numpy(labels[chosen].astype(np.int64))
        functional.cross_entropy(network(shown), target).backward()
        optimizer.step()
        schedule.step()
        bar.update(1, "fine-tuning")
  network.eval()
  found = []
  with torch.no_grad():
    for start in range(0, len(test), _BATCH):
      shown = batch(test[start : start + _BATCH])
      turned = [
        network(torch.rot90(shown, turns, (1, 2))).double().softmax(-1)
        for turns in range(4)
      ]
      found.append(torch.stack(turned).mean(0).numpy())
  return np.concatenate(found)
