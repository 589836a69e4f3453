"""One HTTP request and its reply, as ASGI has them.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import contextlib
import dataclasses
import json
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# A client that is refused while it sends may first look for the reply when all
# is sent, and finds none where the connection was closed in its midst.
_LINGER_S = 5.0
# Nothing is kept, nothing is taken for what it is not, and no other page may
# show or use it.
_ALWAYS = (
  ("cache-control", "no-store"),
  ("cross-origin-opener-policy", "same-origin"),
  ("cross-origin-resource-policy", "same-origin"),
  # With "no-referrer" browsers do not say where a form is sent from.
  ("referrer-policy", "same-origin"),
  ("x-content-type-options", "nosniff"),
  ("x-frame-options", "DENY"),
)
# A page has a policy of its own in it, which can say all but this.
_POLICY_OF_PAGES = "frame-ancestors 'none'"
_POLICY = f"default-src 'none'; {_POLICY_OF_PAGES}"


class Gone(Exception):
  """Who sent the request waits for no reply any more."""


class Request:
  """A request; its body is read as it comes.

  Attributes:
    method, path: as they stand in its first line; the path is as it was sent.
    query: its fields, each with its last value.
    headers: by name in lower case, each with its last value.
    client: the address it came from.
  """

  def __init__(self, scope: Scope, receive: Receive):
    """Takes what an ASGI server gives."""
    self.method: str = scope["method"]
    self.path: str = scope["raw_path"].decode("latin-1")
    self.query = dict(
      urllib.parse.parse_qsl(
        scope["query_string"].decode("latin-1"), keep_blank_values=True
      )
    )
    self.headers = {
      name.decode("latin-1"): value.decode("latin-1")
      for name, value in scope["headers"]
    }
    self.client: str = (scope.get("client") or ("-",))[0]
    self._receive = receive
    self.ended = False

  async def read(self) -> bytes:
    """Returns the next bytes of the body; once it has `ended` there are none.

    Raises:
      Gone: the client went away.
    """
    if self.ended:
      return b""
    message = await self._receive()
    if message["type"] != "http.request":
      raise Gone
    self.ended = not message.get("more_body", False)
    return message.get("body", b"")

  async def gone(self) -> None:
    """Returns when the client has gone away, after the body has ended."""
    while (await self._receive())["type"] == "http.request":
      pass


@dataclasses.dataclass(frozen=True)
class Reply:
  """A reply.

  Attributes:
    status: of HTTP.
    body: bytes of the kind that `kind` says.
    headers: besides those that every reply has.
  """

  status: int
  body: bytes
  kind: str = "application/json"
  headers: tuple[tuple[str, str], ...] = ()

  async def send(self, request: Request, send: Send) -> None:
    """Sends it, and waits a moment for what of the request is still to come."""
    page = self.kind.startswith("text/html")
    headers = [
      *_ALWAYS,
      ("content-security-policy", _POLICY_OF_PAGES if page else _POLICY),
      ("content-type", self.kind),
      ("content-length", str(len(self.body))),
      *self.headers,
    ]
    if not request.ended and request.method == "POST":
      headers.append(("connection", "close"))
    await send(
      {
        "type": "http.response.start",
        "status": self.status,
        "headers": [(a.encode(), b.encode()) for a, b in headers],
      }
    )
    await send(
      {"type": "http.response.body", "body": self.body, "more_body": True}
    )
    with contextlib.suppress(TimeoutError, Gone):
      async with asyncio.timeout(_LINGER_S):
        while not request.ended:
          await request.read()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def as_json(
  value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
  """Returns the reply that says a value in JSON."""
  text = json.dumps(value, allow_nan=False) + "\n"
  return Reply(status, text.encode(), headers=headers)
