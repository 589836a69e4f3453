"""Attention over tokens (b, n, d): every variant by its formula."""

import numpy as np


def external(tokens, memory_key, memory_value, bias):
  """Head by head: what comes of the tokens, and the map (b, n, h, s)."""
  b, n, d = tokens.shape
  h, s, _ = memory_key.shape
  out, weights = np.zeros((b, n, d)), np.zeros((b, n, h, s))
  for i in range(b):
    for j in range(h):
      logits = memory_key[j] @ tokens[i].T  # (s, n)
      a = np.exp(logits - logits.max(axis=1, keepdims=True))
      a /= a.sum(axis=1, keepdims=True)  # softmax over tokens
      a /= a.sum(axis=0, keepdims=True)  # L1 over slots
      weights[i, :, j] = a.T
      out[i] += a.T @ memory_value[j]
  return out + bias, weights


def single_memory(p, tokens):
  return external(tokens, p["memory"], p["memory"], p["bias"])[0]


def one_softmax(axis):
  """External attention with a softmax over one axis of (b, n, h, s) alone."""

  def attended(p, tokens):
    logits = np.einsum("bnd,hsd->bnhs", tokens, p["memory_key"])
    weights = np.exp(logits - logits.max(axis=axis, keepdims=True))
    weights /= weights.sum(axis=axis, keepdims=True)
    return np.einsum("bnhs,hsd->bnd", weights, p["memory_value"]) + p["bias"]

  return attended


def self_attention(p, tokens):
  """softmax(Q K^T / sqrt(k)) V head by head; every loop in the open."""
  b, n, d = tokens.shape
  q, k, v = (p[name] for name in ("query", "key", "value"))
  h, width = q["bias"].shape
  out = np.zeros((b, n, d)) + p["out"]["bias"]
  for i in range(b):
    for j in range(h):
      project = lambda p, i=i, j=j: tokens[i] @ p["kernel"][:, j] + p["bias"][j]
      logits = project(q) @ project(k).T / np.sqrt(width)
      weights = np.exp(logits - logits.max(axis=1, keepdims=True))
      weights /= weights.sum(axis=1, keepdims=True)
      out[i] += weights @ project(v) @ p["out"]["kernel"][j]
  return out


def simplified(p, tokens):
  """softmax(F F^T) F, without parameters."""
  del p
  out = []
  for f in tokens:
    logits = f @ f.T
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    out.append(weights / weights.sum(axis=1, keepdims=True) @ f)
  return np.stack(out)
