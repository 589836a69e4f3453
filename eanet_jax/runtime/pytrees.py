"""The types of nested arrays, which JAX itself gives no type."""

from typing import Any

# Nested dicts, tuples and dataclasses of arrays: of any type there is.
PyTree = Any
# What a Flax module's `apply` takes: {"params": ...} and what else it has.
Variables = dict[str, PyTree]
