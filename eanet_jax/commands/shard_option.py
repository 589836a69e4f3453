"""The option --shard I/N: one part of the work, the others are other jobs'."""

import argparse

from eanet_jax.runtime import shards


def add(parser: argparse.ArgumentParser, words: str) -> None:
  """Adds the option as `shard`, (3, 16) of "3/16" or None.

  Args:
    parser: the program's.
    words: its help.
  """
  parser.add_argument("--shard", type=_shard, metavar="I/N", help=words)


def _shard(text: str) -> tuple[int, int]:
  if found := shards.parse(text):
    return found
  raise argparse.ArgumentTypeError(
    f"{text!r} is no part of several: write 1/16 for the first of sixteen,"
    " 16/16 for the last"
  )
