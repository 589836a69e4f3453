"""The types of nested arrays, for which JAX itself has none."""

from typing import Any

# Nested dicts, tuples and dataclasses of arrays.
PyTree = Any
# What a Flax module's `apply` takes: {"params": ...} and what else it has.
Variables = dict[str, PyTree]
