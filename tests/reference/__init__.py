"""The networks in float64 NumPy, each written from its description.

Parameters come as {path: array}, e.g. "block_0/attention/memory_key". Nothing
here imports the package: what it computes must equal this.
"""
