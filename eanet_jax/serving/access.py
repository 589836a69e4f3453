"""Who may ask: by the name they ask for, by where they come from, by a token.

A server on one's own computer can be reached by every page that a browser there
has open. A page of elsewhere may give its own name this address ("DNS
rebinding"): then the header Host has that name. Or it may send a form here:
then the header Origin, which no page can set, has its name.
"""

import base64
import binascii
import dataclasses
import hmac
import ipaddress
import socket
import urllib.parse
from collections.abc import Collection, Mapping

from eanet_jax import errors
from eanet_jax.serving import limits

TOKEN_VARIABLE = "EANET_TOKEN"
_LEAST_CHARACTERS = 16  # of a token; `secrets.token_urlsafe()` gives 43
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_ASK_FOR_TOKEN = (
  ("www-authenticate", 'Bearer realm="eanet"'),
  ("www-authenticate", 'Basic realm="eanet", charset="UTF-8"'),
)


@dataclasses.dataclass(frozen=True)
class Access:
  """What a request must have.

  Attributes:
    names: one of which it must ask for, without port; none for any.
    token: that it must bring; "" for none.
  """

  names: frozenset[str]
  token: str = dataclasses.field(default="", repr=False)

  def check(self, headers: Mapping[str, str], *, writes: bool) -> None:
    """Raises Refused unless a request comes from whom it may.

    Args:
      headers: by name in lower case.
      writes: whether it sends something, which no other page may make it do.
    """
    host = headers.get("host", "")
    if self.names and _name(host) not in self.names:
      raise limits.Refused(
        421, "the header Host names another server: allow it with --name"
      )
    if writes:
      _check_origin(headers, host)

  def check_token(self, headers: Mapping[str, str]) -> None:
    """Raises Refused unless a request brings the token.

    As `Authorization: Bearer TOKEN`, or as the password of any user, which
    browsers ask for.
    """
    if not self.token:
      return
    brought = _brought(headers.get("authorization", ""))
    # Takes as long however much of it is right.
    if not hmac.compare_digest(brought, self.token.encode()):
      raise limits.Refused(
        401, "send the token as Authorization: Bearer TOKEN", _ASK_FOR_TOKEN
      )


def of(host: str, token: str, names: Collection[str]) -> Access:
  """Returns who may ask a server.

  Args:
    host: name or address that it listens on.
    token: "" for none.
    names: by which it is asked for besides, as behind a proxy.

  Raises:
    UserError: it could be reached from elsewhere, and without a token.
  """
  allowed = _LOOPBACK_NAMES | {each.lower() for each in (host, *names)}
  if is_loopback(host):
    return Access(allowed, token)
  if not token:
    raise errors.UserError(
      f"--host={host} can be reached from other computers: set a token, with"
      f" --token-file or the variable {TOKEN_VARIABLE}, or leave --host out"
    )
  # Nobody knows all its names, and a page of elsewhere has no token.
  return Access(allowed if names else frozenset(), token)


def checked_token(text: str, source: str) -> str:
  """Returns a token as it was written down.

  Args:
    text: with what may stand around it.
    source: where it is from, for messages.

  Raises:
    UserError: it is too short, or cannot stand in a header.
  """
  token = text.strip()
  if len(token) < _LEAST_CHARACTERS or not all("!" <= c <= "~" for c in token):
    raise errors.UserError(
      f"{source}: a token is a word of {_LEAST_CHARACTERS} or more letters,"
      ' digits and signs of ASCII: python -c "import secrets;'
      ' print(secrets.token_urlsafe())" makes one'
    )
  return token


def is_loopback(host: str) -> bool:
  """Whether only this computer can reach what listens on a name or address.

  Raises:
    UserError: there is no such name.
  """
  try:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
  except (OSError, UnicodeError) as error:
    why = getattr(error, "strerror", None) or "no name of a computer"
    raise errors.UserError(f"--host={host}: {why}") from None
  addresses = {str(each[4][0]).partition("%")[0] for each in found}
  return all(ipaddress.ip_address(each).is_loopback for each in addresses)


def _name(netloc: str) -> str:
  """The name in NAME:PORT, in lower case; "" if there is none."""
  try:
    return urllib.parse.urlsplit(f"//{netloc}").hostname or ""
  except ValueError:
    return ""


def _check_origin(headers: Mapping[str, str], host: str) -> None:
  origin = headers.get("origin")
  # Browsers of today say it of every request, those of before 2023 only where
  # it comes from.
  site = headers.get("sec-fetch-site", "same-origin")
  if site in ("same-origin", "none") and (
    origin is None or _netloc(origin) == host.lower()
  ):
    return
  raise limits.Refused(403, "sent by a page of another server")


def _netloc(origin: str) -> str:
  try:
    return urllib.parse.urlsplit(origin).netloc.lower()
  except ValueError:
    return ""


def _brought(authorization: str) -> bytes:
  """The token in a header Authorization, b"" if there is none."""
  kind, _, rest = authorization.partition(" ")
  rest = rest.strip()
  if kind.lower() == "bearer":
    return rest.encode("latin-1", "replace")
  if kind.lower() == "basic":
    try:
      return base64.b64decode(rest, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
      return b""
  return b""
