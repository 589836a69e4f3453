"""What a report says of answering only where the network is sure.

Takes a run's test predictions, gives a plot and its words.
"""

import pathlib
from typing import Any

import matplotlib.figure
import matplotlib.ticker

from eanet_jax.evaluation import risk_coverage
from eanet_jax.reporting import figures
from eanet_jax.workdir import predictions_csv, results_json

_ERROR = 0.05  # the share of mistakes that is asked for


def contents(
  workdir: pathlib.Path, run: results_json.RunResults
) -> dict[str, Any]:
  """Returns what the report shows; {} of a workdir without test predictions.

  "wrong" and "total" of all answers; "point", the most answers with at most
  "error"; "picture", "" where nothing is wrong and there is nothing to draw.
  """
  try:
    found = predictions_csv.read_test(workdir, run.class_names)
  except FileNotFoundError:
    return {}
  right = found.probabilities.argmax(-1) == found.labels
  curve = risk_coverage.curve(found.probabilities.max(-1), right)
  wrong = int((~right).sum())
  point = risk_coverage.most_at(curve, _ERROR)
  return {
    "wrong": wrong,
    "total": len(right),
    "point": point,
    "error": _ERROR,
    "picture": coverage(curve, point) if wrong else "",
  }


@figures.as_uri
def coverage(
  curve: risk_coverage.Curve, point: risk_coverage.Point | None
) -> matplotlib.figure.Figure:
  """Returns a plot of the accuracy of the surest answers, from few to all.

  Args:
    curve: of at least one answer.
    point: marked, if there is one.
  """
  figure, axes = figures.figure(460, 300)
  total = int(curve.answered[-1])
  accuracy = 1 - curve.wrong / curve.answered
  axes.plot(
    curve.answered / total,
    accuracy,
    c=figures.ACCENT,
    lw=1.8,
    marker="o" if len(accuracy) < 40 else None,
    ms=3.5,
  )
  lowest = min(float(accuracy.min()), 1 - _ERROR)
  if point:
    axes.plot(
      point.answered / total,
      1 - point.wrong / point.answered,
      "o",
      ms=9,
      mfc="white",
      mec=figures.CYCLE[1],
      mew=2,
      label=f"{point.answered} of {total}: at most {100 * _ERROR:.0f} % wrong",
    )
    figure.legend(loc="outside upper left")
  axes.axhline(1 - _ERROR, c=figures.FAINT, lw=1, ls="--")
  axes.set(
    xlabel="share of the test micrographs that is answered, surest first",
    ylabel="share of them answered rightly",
    xlim=(0, 1.02),
    ylim=(lowest - 0.05 * (1 - lowest) - 0.01, 1.01),
  )
  percent = matplotlib.ticker.PercentFormatter(1, decimals=0, symbol=" %")
  axes.xaxis.set_major_formatter(percent)
  axes.yaxis.set_major_formatter(percent)
  axes.yaxis.set_major_locator(
    matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10])
  )
  axes.grid()
  return figure
