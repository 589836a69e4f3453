"""Shares of named structure as people say them, of files and of specimens.

Takes what `named_structure` finds, gives lines; imports no JAX.
"""

import pathlib
from collections.abc import Mapping

import numpy as np

_MOST = 20  # specimens that have a line


def means(structure: Mapping[str, np.ndarray]) -> dict[str, float]:
  """Returns the share of each name in a micrograph, the mean over its views.

  Args:
    structure: float64 (v,) by name.
  """
  return {name: float(shares.mean()) for name, shares in structure.items()}


def in_words(shares: Mapping[str, float]) -> str:
  """Returns shares as people say them, "41 % coarse lath, 12 % carbides"."""
  return ", ".join(
    f"{_percent(share)} {name}" for name, share in _largest_first(shares)
  )


def _percent(share: float) -> str:
  return f"{100 * share:.0f} %"


def _largest_first(shares: Mapping[str, float]) -> list[tuple[str, float]]:
  return sorted(shares.items(), key=lambda each: -each[1])


class BySpecimen:
  """The structures of specimens, each the mean of its micrographs."""

  def __init__(self) -> None:
    """Has none yet."""
    self._sums: dict[str, dict[str, float]] = {}
    self._counts: dict[str, int] = {}

  def add(self, specimen: str, structure: Mapping[str, np.ndarray]) -> None:
    """Counts a micrograph; {} is nothing."""
    if not structure:
      return
    sums = self._sums.setdefault(specimen, dict.fromkeys(structure, 0.0))
    for name, share in means(structure).items():
      sums[name] += share
    self._counts[specimen] = self._counts.get(specimen, 0) + 1

  def lines(self) -> list[str]:
    """Returns a line for each specimen, beside the others; of many the first.

    A specimen is called by its folder, or by the path where several folders
    have one name.
    """
    of_all = {
      specimen: {name: s / self._counts[specimen] for name, s in sums.items()}
      for specimen, sums in self._sums.items()
    }
    short = {each: pathlib.PurePath(each).name or each for each in of_all}
    if len(set(short.values())) == len(short):
      of_all = {short[each]: shares for each, shares in of_all.items()}
    lines = [_line(each, of_all) for each in list(of_all)[:_MOST]]
    if more := len(of_all) - len(lines):
      lines.append(f"and {more} more, see --level specimen")
    return lines


def _line(specimen: str, of_all: Mapping[str, Mapping[str, float]]) -> str:
  others = {*of_all} - {specimen}
  if not others:
    return f"{specimen}: {in_words(of_all[specimen])}"
  called = next(iter(others)) if len(others) == 1 else "the others"
  parts = []
  for name, share in _largest_first(of_all[specimen]):
    beside = float(np.mean([of_all[other][name] for other in others]))
    times = f", {share / beside:.1f} x {called}" if beside else ""
    parts.append(f"{_percent(share)} {name}{times}")
  return f"{specimen}: {'; '.join(parts)}"
