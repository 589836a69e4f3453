"""The server from its start to its stop.

Takes a workdir and an open socket, answers until a signal asks it to stop.
"""

import asyncio
import contextlib
import pathlib
import socket
from collections.abc import Callable, Iterator

import numpy as np
import uvicorn

from eanet_jax import errors
from eanet_jax.data import file_limits, file_readers, micrographs
from eanet_jax.explanation import named_structure
from eanet_jax.inference import classify
from eanet_jax.runtime import console, wording
from eanet_jax.serving import (
  access,
  answering,
  application,
  limits,
  served_network,
  uploads,
)

_POLL_S = 0.1  # between looks for a signal
_STOP_S = 10  # in which what is running may end
_HEADERS_BYTES = 16 * 1024
_IDLE_S = 5  # that a connection may stay open between two requests
_CONNECTIONS = 256


def bound(host: str, port: int) -> socket.socket:
  """Returns a socket that has an address, and does not listen yet.

  Raises:
    UserError: it is in use, or is none of this computer.
  """
  with contextlib.ExitStack() as unless_bound:
    try:
      kind, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
      )[0]
      found = socket.socket(kind, socket.SOCK_STREAM)
      unless_bound.push(found)
      # Else an address could not be had again for a minute after a stop.
      found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      found.bind(address)
    except OSError as error:
      raise errors.UserError(
        f"cannot listen on port {port} of {host}: {error.strerror or error}:"
        " choose another with --port, or 0 for any that is free"
      ) from None
    unless_bound.pop_all()
  return found


def run(
  workdir: pathlib.Path,
  listening: socket.socket,
  who: access.Access,
  allowed: limits.Limits,
  of_files: file_limits.Limits,
  told: micrographs.Told,
) -> int:
  """Serves until it is asked to stop; returns the exit code, by the signal.

  Args:
    workdir: of a trained network.
    listening: see `bound`; it is closed.
    who: may ask.
    allowed: for each request.
    of_files: what reading one may take.
    told: what is known of all files.

  Raises:
    UserError: there is no sound network in the workdir.
  """
  with (
    contextlib.closing(listening),
    console.stop_signals() as caught,
    uploads.home() as home,
    file_readers.Readers(of_files) as readers,
  ):
    readers.start()  # while the network is read
    given = answering.AlreadyRead()
    classifier = classify.Classifier.restore(workdir, given, told)
    structure = named_structure.of_network(
      classifier.network, workdir, classifier.mesh
    )
    network = served_network.ServedNetwork(classifier, structure)
    _warm_up(classifier, structure)
    page = network.page(workdir, home)
    with _started(
      answering.Answering(classifier, given, readers, structure)
    ) as answers:
      app = application.Application(
        network,
        answers,
        network.description(allowed, of_files),
        page,
        home,
        who,
        allowed,
        console.say,
      )
      asyncio.run(_serve(app, listening, caught))
  console.say("stopped")
  return 128 + caught()


def _warm_up(
  classifier: classify.Classifier,
  structure: named_structure.NamedStructure | None,
) -> None:
  """Compiles all that the first request would wait for."""
  side = classifier.image_px
  views = np.zeros((1, side, side, 1), np.uint8)
  classifier.answers(views)
  if structure:
    structure(views)


@contextlib.contextmanager
def _started(answers: answering.Answering) -> Iterator[answering.Answering]:
  answers.start()
  try:
    yield answers
  finally:
    answers.close()


class _Server(uvicorn.Server):
  """Leaves signals to `console.stop_signals`, as all of this program does."""

  @contextlib.contextmanager
  def capture_signals(self) -> Iterator[None]:
    """Does nothing."""
    yield


async def _serve(
  app: application.Application,
  listening: socket.socket,
  caught: Callable[[], int],
) -> None:
  """Serves until a signal was caught, and ends what is running."""
  server = _Server(
    uvicorn.Config(
      app,
      http="h11",
      ws="none",
      lifespan="off",
      loop="asyncio",
      log_config=None,
      log_level="critical",
      access_log=False,
      server_header=False,
      proxy_headers=False,  # anybody could write them
      h11_max_incomplete_event_size=_HEADERS_BYTES,
      limit_concurrency=_CONNECTIONS,
      timeout_keep_alive=_IDLE_S,
      timeout_graceful_shutdown=_STOP_S,
    )
  )
  serving = asyncio.create_task(server.serve(sockets=[listening]))
  while not (server.started or serving.done()):
    await asyncio.sleep(_POLL_S / 10)
  if server.started:
    console.say(f"ready: {address(listening)}")
  while not (caught() or serving.done()):
    await asyncio.sleep(_POLL_S)
  if app.running:
    console.say(
      f"stopping: {wording.count(app.running, 'request')} may end within"
      f" {_STOP_S} s"
    )
  server.should_exit = True
  await serving


def address(listening: socket.socket) -> str:
  """Returns the URL of what is served on a socket."""
  host, port, *_ = listening.getsockname()
  return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
