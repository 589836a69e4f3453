"""Whom a server answers: by name, by origin, by token."""

import base64

import pytest

from eanet_jax import errors
from eanet_jax.serving import access, limits

TOKEN = "a-token-of-some-length"


def refused(who, headers, writes=False):
  """The status that a request with these headers gets; 200 if it may pass."""
  try:
    who.check(headers, writes=writes)
    who.check_token(headers)
  except limits.Refused as refusal:
    return refusal.status
  return 200


@pytest.mark.parametrize(
  "host",
  ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000", "lab.example"],
)
def test_own_names_may_be_asked_for(host):
  who = access.of("127.0.0.1", "", ["lab.example"])
  assert refused(who, {"host": host}) == 200


@pytest.mark.parametrize(
  "host", ["", "evil.example", "evil.example:8000", "127.0.0.1.evil.example"]
)
def test_a_rebound_name_is_refused(host):
  assert refused(access.of("127.0.0.1", "", []), {"host": host}) == 421


@pytest.mark.parametrize(
  ("headers", "status"),
  [
    ({}, 200),
    ({"origin": "http://localhost:8000"}, 200),
    ({"origin": "https://LOCALHOST:8000"}, 200),  # a proxy speaks TLS
    ({"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}, 200),
    ({"origin": "http://localhost:9000"}, 403),
    ({"origin": "http://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
  ],
)
def test_other_pages_may_send_nothing(headers, status):
  who = access.of("127.0.0.1", "", [])
  headers = {"host": "localhost:8000", **headers}
  assert refused(who, headers, writes=True) == status
  assert refused(who, headers) == 200


def test_a_host_that_others_reach_needs_a_token():
  with pytest.raises(errors.UserError, match=r"--host=0\.0\.0\.0 can be reach"):
    access.of("0.0.0.0", "", [])
  assert refused(access.of("0.0.0.0", TOKEN, []), {"host": "lab"}) == 401
  with pytest.raises(errors.UserError, match=r"--host=no\.such\.invalid: "):
    access.of("no.such.invalid", TOKEN, [])


def basic(password):
  return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize(
  ("sent", "status"),
  [
    (f"Bearer {TOKEN}", 200),
    (f"bearer  {TOKEN}", 200),
    (basic(TOKEN), 200),
    ("", 401),
    ("Bearer ", 401),
    (f"Bearer {TOKEN}x", 401),
    (f"Bearer {TOKEN[:-1]}", 401),
    (TOKEN, 401),
    (basic("x"), 401),
    ("Basic ###", 401),
    ("Bearer \u00fc", 401),
  ],
)
def test_the_token_is_asked_for(sent, status):
  who = access.of("127.0.0.1", TOKEN, [])
  assert refused(who, {"host": "localhost", "authorization": sent}) == status
  assert TOKEN not in repr(who)


@pytest.mark.parametrize("text", ["", " \n", "short", "sixteen letters and"])
def test_a_token_that_is_none_is_told(text):
  with pytest.raises(errors.UserError, match="EANET_TOKEN: a token is a word"):
    access.checked_token(text, "EANET_TOKEN")
  assert access.checked_token(f"{TOKEN}\n", "EANET_TOKEN") == TOKEN
