"""The application: which address is answered by what, and within which limits.

An ASGI application, for any server of such. It keeps nothing of a request but
its line in the log, which has no name of a file.
"""

import asyncio
import datetime
import pathlib
import shutil
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from eanet_jax.inference import answer_rows, predictions
from eanet_jax.serving import (
  access,
  answering,
  limits,
  openapi,
  requests,
  served_network,
  uploads,
)

_RETRY = (("retry-after", "2"),)  # seconds
_LONGEST_PATH = 60  # in the log
_GONE = 499  # in the log, where nobody waited for a status

_Handler = Callable[[requests.Request], Awaitable[requests.Reply]]


class Application:
  """Answers requests; `running` is how many with files it is at."""

  def __init__(
    self,
    network: served_network.ServedNetwork,
    answers: answering.Answering,
    described: Mapping[str, Any],
    page: bytes,
    home: pathlib.Path,
    who: access.Access,
    allowed: limits.Limits,
    log: Callable[[str], None],
  ):
    """Takes what it serves, and to whom.

    Args:
      network, answers: what is served, and who finds its answers.
      described: the network, see `ServedNetwork.description`.
      page: HTML.
      home: folder for what is sent, see `uploads.home`.
      who: may ask.
      allowed: for each request.
      log: is given a line for each request.
    """
    self.running = 0
    self._network, self._answers = network, answers
    self._home, self._who, self._allowed = home, who, allowed
    self._log = log
    html = requests.Reply(200, page, "text/html; charset=utf-8")
    self._handlers: dict[str, dict[str, _Handler]] = {
      "/": {"GET": _always(html)},
      "/health": {"GET": _always(requests.as_json({"status": "ok"}))},
      "/model": {"GET": _always(requests.as_json(described))},
      "/openapi.json": {
        "GET": _always(
          requests.as_json(openapi.document(network.table(), bool(who.token)))
        )
      },
      "/predict": {"POST": self._predict},
    }

  async def __call__(
    self,
    scope: requests.Scope,
    receive: requests.Receive,
    send: requests.Send,
  ) -> None:
    """Answers one request, as ASGI has it."""
    begun = time.perf_counter()
    request = requests.Request(scope, receive)
    try:
      reply = await self._reply(request)
      status = reply.status
      await reply.send(request, send)
    except requests.Gone:
      status = _GONE
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    path = uploads.seen(request.path[:_LONGEST_PATH])
    self._log(
      f"{now} {request.client} {request.method} {path} {status}"
      f" {time.perf_counter() - begun:.3f} s"
    )

  async def _reply(self, request: requests.Request) -> requests.Reply:
    try:
      return await self._handler(request)(request)
    except limits.Refused as refused:
      said = {"error": refused.reason}
      return requests.as_json(said, refused.status, refused.headers)
    except requests.Gone:
      raise
    except Exception:
      traceback.print_exc()
      said = {"error": "the server failed; its standard error says why"}
      return requests.as_json(said, 500)

  def _handler(self, request: requests.Request) -> _Handler:
    """What answers the request; raises Refused if nothing may."""
    reads = request.method in ("GET", "HEAD")
    self._who.check(request.headers, writes=not reads)
    # Who watches whether it is there has no token.
    if request.path != "/health":
      self._who.check_token(request.headers)
    of_path = self._handlers.get(request.path)
    if of_path is None:
      raise limits.Refused(404, "no such address: /openapi.json names them all")
    handler = of_path.get("GET" if reads else request.method)
    if handler is None:
      allow = ", ".join(["GET", "HEAD"] if "GET" in of_path else of_path)
      raise limits.Refused(
        405, f"this address takes {allow}", (("allow", allow),)
      )
    return handler

  async def _predict(self, request: requests.Request) -> requests.Reply:
    table = self._table(request)
    length = request.headers.get("content-length", "0")
    if int(length) > self._allowed.request_mb * limits.MB:
      raise limits.too_large("the request", self._allowed.request_mb)
    if self.running >= self._allowed.requests:
      raise limits.Refused(503, "too many requests at once: ask again", _RETRY)
    self.running += 1
    folder = pathlib.Path(tempfile.mkdtemp(dir=self._home))
    try:
      end = asyncio.get_running_loop().time() + self._allowed.request_s
      files = await self._received(request, folder, end)
      answered = await self._answered(
        request, [each.path for each in files], end
      )
      return requests.as_json(self._network.answer(files, answered, table))
    finally:
      self.running -= 1
      shutil.rmtree(folder, ignore_errors=True)

  def _table(self, request: requests.Request) -> answer_rows.Table:
    """The rows that are asked for; raises Refused if there are no such."""
    for field in request.query:
      if field not in ("level", "top_k"):
        raise limits.Refused(400, "the address may say level and top_k alone")
    level = request.query.get("level", "micrograph")
    top_k = request.query.get("top_k", "0")
    for known in served_network.LEVELS:
      if level == known and top_k.isascii() and top_k.isdecimal():
        return self._network.table(known, int(top_k[:9]))
    raise limits.Refused(
      400, "level is micrograph or tile, top_k a number of classes"
    )

  async def _received(
    self, request: requests.Request, folder: pathlib.Path, end: float
  ) -> list[uploads.Upload]:
    """The files of a request that are to be answered for."""
    form = uploads.Form(
      request.headers.get("content-type", ""), folder, self._allowed
    )
    try:
      while not request.ended:
        async with asyncio.timeout_at(end):
          data = await request.read()
        # A disk may take its time, which others shall not wait for.
        await asyncio.to_thread(form.feed, data)
      return uploads.to_answer(form.finish())
    except TimeoutError:
      raise limits.Refused(
        408, f"not sent within the {self._allowed.request_s:g} s allowed"
      ) from None
    finally:
      form.close()

  async def _answered(
    self,
    request: requests.Request,
    paths: Sequence[pathlib.Path],
    end: float,
  ) -> list[predictions.Prediction]:
    """The predictions of files, while somebody waits for them."""
    loop = asyncio.get_running_loop()
    answer = asyncio.ensure_future(self._answers.predictions(paths))
    gone = asyncio.ensure_future(request.gone())
    try:
      await asyncio.wait(
        {answer, gone},
        timeout=max(0.0, end - loop.time()),
        return_when=asyncio.FIRST_COMPLETED,
      )
      if answer.done():
        return answer.result()
      if gone.done():
        raise requests.Gone
      raise limits.Refused(
        503,
        f"not answered within the {self._allowed.request_s:g} s allowed: send"
        " fewer files, or ask again",
        _RETRY,
      )
    finally:
      answer.cancel()
      gone.cancel()


def _always(reply: requests.Reply) -> _Handler:
  async def handler(_: requests.Request) -> requests.Reply:
    return reply

  return handler
