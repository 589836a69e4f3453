"""How many requests a second `eanet serve` answers, and how soon.

  python benchmarks/serving.py runs/my_steels

Starts a server with a finished run in a process of its own, and sends it PNG
files of 256 px, one in a request: first one from each of some clients at the
same moment, when nothing was asked before, then one after another from each
for some seconds, in turns with a `Classifier` that classifies the same files in
this process, without a server. Prints one row: the seconds until the server is
ready, those until the last of the first requests has its answer, the requests a
second, the median and the 95th percentile of their seconds, and their share of
what the `Classifier` does.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

import numpy as np

_ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import predicting

from eanet_jax.inference import classify

_EANET = "import sys; from eanet_jax.cli import main; sys.exit(main())"
_FILES = 64
_TURNS = 3


@contextlib.contextmanager
def server(workdir: pathlib.Path, clients: int) -> Iterator[tuple[int, float]]:
  """Yields the port of a server, and the seconds that it took to be ready."""
  begun = time.perf_counter()
  process = subprocess.Popen(
    [
      *(sys.executable, "-c", _EANET, "serve", str(workdir), "--port=0"),
      f"--max-requests={clients}",
    ],
    env={**os.environ, "PYTHONPATH": str(_ROOT)},
    stdout=subprocess.PIPE,
    text=True,
  )
  assert process.stdout is not None
  line = process.stdout.readline()
  if not line.startswith("ready: "):
    sys.exit(line or "the server did not start")
  took = time.perf_counter() - begun
  # A full pipe would hold it up.
  log = threading.Thread(target=process.stdout.read, daemon=True)
  log.start()
  try:
    yield int(line.rstrip("/\n").rpartition(":")[2]), took
  finally:
    process.send_signal(signal.SIGTERM)
    process.wait()
    log.join()
    process.stdout.close()


def ask(connection: http.client.HTTPConnection, path: pathlib.Path) -> float:
  """Returns the seconds in which a file was answered for."""
  head = (
    '--xyz\r\nContent-Disposition: form-data; name="files"; filename='
    f'"{path.name}"\r\n\r\n'
  )
  body = head.encode() + path.read_bytes() + b"\r\n--xyz--\r\n"
  kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
  begun = time.perf_counter()
  connection.request("POST", "/predict", body, kind)
  reply = connection.getresponse()
  content = reply.read()
  if reply.status != 200:
    sys.exit(f"{reply.status}: {content.decode()}")
  return time.perf_counter() - begun


def asked(
  port: int, paths: list[pathlib.Path], clients: int, seconds: float
) -> tuple[list[float], float]:
  """Returns the seconds of each request, and of all; at least one each."""
  together = threading.Barrier(clients)

  def client(number: int) -> list[float]:
    found = []
    own = itertools.cycle(paths[number:] + paths[:number])
    with contextlib.closing(
      http.client.HTTPConnection("127.0.0.1", port)
    ) as connection:
      together.wait()
      begun = time.perf_counter()
      while not found or time.perf_counter() - begun < seconds:
        found.append(ask(connection, next(own)))
    return found

  with concurrent.futures.ThreadPoolExecutor(clients) as pool:
    of_clients = list(pool.map(client, range(clients)))
  # Each client ends with a request that it had begun in time.
  later = [each for found in of_clients for each in found]
  return later, max(map(sum, of_clients))


def alone(
  classifier: classify.Classifier, paths: list[pathlib.Path], seconds: float
) -> float:
  """Returns the files a second of the `Classifier` in this process."""
  done = 0
  with contextlib.closing(
    classifier.stream(itertools.cycle(paths))
  ) as predictions:
    next(predictions)  # compiles
    begun = time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
      next(predictions)
      done += 1
  return done / took


def main() -> None:
  """Parses the command line, makes the files, measures, prints the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("workdir", type=pathlib.Path, help="of a finished run")
  parser.add_argument("--clients", type=int, default=8, help="at once [8]")
  parser.add_argument(
    "--seconds", type=float, default=30.0, help="that they ask [30]"
  )
  arguments = parser.parse_args()
  classifier = classify.Classifier.restore(arguments.workdir)
  with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    predicting.make(folder, _FILES, tiff=False)
    paths = sorted(folder.iterdir())
    # In turns, as what else the machine does comes and goes.
    share = arguments.seconds / _TURNS
    own, later, took = 0.0, [], 0.0
    with server(arguments.workdir, arguments.clients) as (port, ready):
      first, _ = asked(port, paths, arguments.clients, 0)
      for _ in range(_TURNS):
        own += alone(classifier, paths, share) / _TURNS
        found, seconds = asked(port, paths, arguments.clients, share)
        later += found
        took += seconds
  rate = len(later) / took
  median, late = np.percentile(later, [50, 95])
  print(
    "| clients | ready, s | first of all at once, s | requests/s | median, s |"
    " 95 %, s | of the Classifier alone |\n|---|---|---|---|---|---|---|\n"
    f"| {arguments.clients} | {ready:.1f} | {max(first):.2f} | {rate:.1f} |"
    f" {median:.2f} | {late:.2f} | {rate / own:.0%} of {own:.1f} |"
  )


if __name__ == "__main__":
  main()
