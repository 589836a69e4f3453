"""Runs documented lines one after the other, as one reader would.

Takes a JSON list of `eanet` commands (lists of words) and Python code (text) on
the standard input. One process, as most of a command's seconds are imports.
"""

import json
import sys

from eanet_jax import cli


def main() -> int:
  """Runs each line; returns the exit code of the first that fails."""
  for each in json.load(sys.stdin):
    print(f"+ {each}", flush=True)
    if isinstance(each, str):
      exec(each, {})
      continue
    sys.argv = each
    try:
      code = cli.main()
    except SystemExit as stop:  # of the parser
      code = stop.code
    if code:
      return code
  return 0


if __name__ == "__main__":
  sys.exit(main())
