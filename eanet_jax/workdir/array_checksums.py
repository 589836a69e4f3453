"""Checksums of what a checkpoint holds: CRC-32 of arrays and of JSON."""

import json
import zlib

import jax
import numpy as np

from eanet_jax.configuration import config_tree
from eanet_jax.runtime import pytrees


def on_host(tree: pytrees.PyTree) -> pytrees.PyTree:
  """Returns the tree as NumPy arrays; every device holds the whole of each."""
  return jax.device_get(
    jax.tree.map(
      lambda leaf: (
        leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf
      ),
      tree,
    )
  )


def of_arrays(tree: pytrees.PyTree) -> dict[str, int]:
  """Returns the CRC-32 of every leaf's bytes, by its path."""
  leaves = jax.tree_util.tree_leaves_with_path(on_host(tree))
  return {
    jax.tree_util.keystr(path): zlib.crc32(np.ascontiguousarray(array).data)
    for path, array in leaves
  }


def of_json(content: config_tree.Tree) -> int:
  """Returns the CRC-32 of what JSON gave back; the order of keys is ignored."""
  return zlib.crc32(json.dumps(content, sort_keys=True).encode())
