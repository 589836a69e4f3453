"""The table of a comparison as Markdown, for comparison.md."""

from eanet_jax.workdir import comparison_json

_BY_IMAGE = ("macro_f1", "accuracy", "kappa")


def write(comparison: comparison_json.ComparisonResults) -> str:
  """Returns the text of comparison.md."""
  main, by_image = comparison.split_by, comparison.micrograph_folds > 0
  header = ["system", "parameters", "GFLOP", "train/s", "infer/s"]
  header += ["macro F1", "accuracy", "kappa", "precision", "recall"]
  header += [f"F1 - {comparison.reference}"]
  means = {"specimens right": "specimen_accuracy"}
  if comparison.intervals_over == "micrographs":  # no specimen is known
    means = {}
  if comparison.dataset["view"] == "tiles":
    means["tiles right"] = "tile_accuracy"
  header += means
  if by_image:
    header += ["by image: F1", "accuracy", "kappa"]
  seeds = ", ".join(map(str, comparison.seeds))
  lines = [
    f"{comparison.folds} folds by {main}, seed {seeds},"
    f" {comparison.epochs} epochs, {comparison.dataset['image_px']} px."
    f" 95 % intervals: bootstrap over {comparison.intervals_over}, all folds"
    " pooled.",
    "",
    "| " + " | ".join(header) + " |",
    "|" + "---|" * len(header),
  ]
  for entry in comparison.systems:
    if entry["kind"] == "paper":
      figures = [_number(entry["paper"][name]) for name in _BY_IMAGE]
      if by_image:
        cells = ["–"] * (10 + len(means)) + figures
      elif main == "micrograph":
        cells = ["–"] * 4 + figures + ["–"] * (3 + len(means))
      else:  # there is no column for it
        continue
      cells.insert(0, f"the paper's own: {entry['title']}")
    else:
      specimen = main == "specimen"
      own = entry["specimen_split" if specimen else "micrograph_split"]
      cells = [entry["title"], *_cost(entry), *_figures(entry, own)]
      cells += [
        _number(own[name]["mean"]) if own else "–" for name in means.values()
      ]
      if by_image:
        cells += [_score(entry["micrograph_split"], n) for n in _BY_IMAGE]
    lines.append("| " + " | ".join(cells) + " |")
  lines += ["", *[f"- {warning}" for warning in comparison.warnings]]
  return "\n".join(lines).strip()


def _cost(entry: comparison_json.System) -> list[str]:
  if entry["kind"] != "network":
    return ["–"] * 4
  gflop = entry["gflop_per_image"]
  speeds = (entry["images_per_s"], entry["inference_images_per_s"])
  return [
    f"{entry['parameters']:,}",
    "–" if gflop is None else f"{gflop:.3f}",
    *("–" if speed is None else f"{speed:.0f}" for speed in speeds),
  ]


def _figures(
  entry: comparison_json.System, scores: comparison_json.Estimates | None
) -> list[str]:
  shown = ("macro_f1", "accuracy", "kappa", "macro_precision", "macro_recall")
  return [
    *(_score(scores, name) for name in shown),
    _score(entry["difference"], "macro_f1", "+.3f"),
  ]


def _score(
  scores: comparison_json.Estimates | None, name: str, form: str = ".3f"
) -> str:
  if not scores:
    return "–"
  text = f"{scores[name]['mean']:{form}}"
  if interval := scores[name]["interval_95"]:
    low, high = interval
    text += f" [{low:{form}}, {high:{form}}]"
  return text


def _number(value: float) -> str:
  return f"{value:.3f}"
