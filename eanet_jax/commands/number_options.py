"""Numbers that options take, for argparse, which tells what is no number."""

import argparse
import math


def above_zero(text: str) -> float:
  """Returns a finite number above 0."""
  number = float(text)
  if not 0 < number < math.inf:
    raise argparse.ArgumentTypeError(f"{text} is not above 0")
  return number


def at_least_one(text: str) -> int:
  """Returns a whole number from 1 on."""
  number = int(text)
  if number < 1:
    raise argparse.ArgumentTypeError(f"{text} is below 1")
  return number


def not_negative(text: str) -> int:
  """Returns a whole number from 0 on."""
  number = int(text)
  if number < 0:
    raise argparse.ArgumentTypeError(f"{text} is below 0")
  return number
