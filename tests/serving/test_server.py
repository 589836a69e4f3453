"""`eanet serve` as a process: its answers, its limits, its end."""

import concurrent.futures
import contextlib
import http.client
import importlib.util
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

import chromium
import jsonschema
import pytest
from conftest import ROOT, eanet
from PIL import Image

TOKEN = "a-token-of-some-length"
_EANET = "import sys; sys.argv[0] = 'eanet'; from eanet_jax.cli import main"


class Server:
  """A running `eanet serve`; `said` is what it printed after it was ready."""

  def __init__(self, workdir, folder, *options, **variables):
    folder.mkdir(exist_ok=True)
    self.folder = folder
    self.process = subprocess.Popen(
      [
        *(sys.executable, "-c", f"{_EANET}; sys.exit(main())"),
        *("serve", str(workdir), "--port=0", *options),
      ],
      cwd=ROOT,
      env={**os.environ, "TMPDIR": str(folder), **variables},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    line = self.process.stdout.readline()
    assert line.startswith("ready: http://"), (
      line + self.process.communicate()[0]
    )
    self.url = line.split()[1]
    self.port = int(self.url.rstrip("/").rpartition(":")[2])

  def ask(self, path, body=None, **headers):
    """Returns status, headers and what JSON, or text, the answer is."""
    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
    with contextlib.closing(connection):
      named = {k.replace("_", "-"): v for k, v in headers.items()}
      method = "GET" if body is None else "POST"
      connection.request(method, path, body, named)
      reply = connection.getresponse()
      content = reply.read()
    is_json = reply.getheader("content-type") == "application/json"
    return reply.status, reply, json.loads(content) if is_json else content

  def predict(self, *files, query="", **headers):
    """Sends (name, content) pairs."""
    kind = "multipart/form-data; boundary=xyz"
    return self.ask(
      f"/predict{query}", form(*files), content_type=kind, **headers
    )

  def stop(self):
    """Returns the exit code, and what was printed."""
    self.process.send_signal(signal.SIGTERM)
    said, _ = self.process.communicate(timeout=60)
    return self.process.returncode, said


def form(*files):
  parts = [
    b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n'
    b"%b\r\n" % (name.encode(), content)
    for name, content in files
  ]
  return b"".join(parts) + b"--xyz--\r\n"


@pytest.fixture(scope="module")
def server(trained, tmp_path_factory):
  found = Server(
    trained,
    tmp_path_factory.mktemp("uploads"),
    *("--max-files=12", "--max-file-mb=2", "--max-request-mb=4"),
  )
  yield found
  code, said = found.stop()
  assert code == 128 + signal.SIGTERM, said
  assert said.splitlines()[-1] == "stopped"
  assert "Traceback" not in said
  assert list(found.folder.iterdir()) == []


@pytest.fixture(scope="module")
def files(drawn_folder, tmp_path_factory):
  """Micrographs, what is none, and what a microscope wrote beside one."""
  folder = tmp_path_factory.mktemp("sent")
  drawn = sorted(drawn_folder.rglob("*.bmp"))[::9][:5]
  for i, path in enumerate(drawn):
    shutil.copy(path, folder / f"{i}.bmp")
  Image.open(drawn[0]).save(folder / "tescan.png")
  (folder / "tescan.hdr").write_text("[MAIN]\nPixelSizeX=2e-08\n")
  (folder / "text.png").write_text("these are words")
  (folder / "short.bmp").write_bytes(drawn[0].read_bytes()[:999])
  return sorted(folder.iterdir())


def contents(paths):
  return [(path.name, path.read_bytes()) for path in paths]


@pytest.mark.parametrize(
  "options", [(), ("--level=tile",), ("--top-k=2",)], ids=str
)
def test_rows_are_those_of_predict(server, trained, files, tmp_path, options):
  table = tmp_path / "rows.jsonl"
  images = [path for path in files if path.suffix != ".hdr"]
  eanet("predict", trained, *images, *options, "--out", table)
  expected = [json.loads(line) for line in table.read_text().splitlines()]
  for row in expected:
    row["file"] = pathlib.Path(row["file"]).name
  query = "?" + "".join(options).strip("-").replace("-", "_")
  status, _, found = server.predict(*contents(files), query=query)
  assert status == 200
  assert found["rows"] == expected
  assert [row["file"] for row in found["rows"] if row["error"]] == [
    "short.bmp",
    "text.png",
  ]
  if not options:
    (tescan,) = (r for r in found["rows"] if r["file"] == "tescan.png")
    assert tescan["um_per_px"] == 0.02


def test_ten_at_once_get_their_own_answers(server, files):
  images = contents(path for path in files if path.suffix == ".bmp")
  alone = {name: server.predict((name, c))[2]["rows"] for name, c in images}

  # More at once than are allowed are told to ask again.
  def ask(i):
    name, content = images[i % len(images)]
    while True:
      status, reply, found = server.predict((name, content))
      if status != 503:
        return status, name, found["rows"]
      assert int(reply.getheader("retry-after")) > 0
      time.sleep(0.1)

  with concurrent.futures.ThreadPoolExecutor(10) as pool:
    answers = list(pool.map(ask, range(10)))
  for status, name, rows in answers:
    assert status == 200
    assert rows == alone[name]


def test_hostile_names_go_nowhere(server, files):
  content = files[0].read_bytes()
  names = ["../../x.bmp", "/tmp/y.bmp", "a\\..\\z.bmp", "n" * 3000 + ".bmp"]
  status, _, found = server.predict(*[(name, content) for name in names])
  assert status == 200
  told = [row["file"] for row in found["rows"]]
  assert told[:3] == ["x.bmp", "y.bmp", "z.bmp"]
  assert len(told[3]) <= 200
  assert not any(row["error"] for row in found["rows"])
  assert server.predict(("a\0b.bmp", content))[0] in (200, 400)
  assert str(server.folder) not in json.dumps(found)


def test_too_much_is_refused(server):
  for files, said in (
    ([("a.png", b"x" * 2_100_000)], "a file has more than the 2 MB allowed"),
    ([(f"{i}", b"x" * 1_500_000) for i in range(3)], "the request has more"),
    ([(f"{i}.png", b"x") for i in range(13)], "more than the 12 files"),
  ):
    status, _, found = server.predict(*files)
    assert status == 413
    assert said in found["error"]


def test_an_endless_request_is_cut_off_while_it_comes(server):
  start = form(("a.png", b""))[:-11]
  with socket.create_connection(("127.0.0.1", server.port), 30) as sender:
    sender.sendall(
      b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked"
      b"\r\nContent-Type: multipart/form-data; boundary=xyz\r\n\r\n"
      b"%x\r\n%b\r\n" % (len(start), start)
    )
    sent = 0
    while not select.select([sender], [], [], 0)[0]:
      sender.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
      sent += 65536
      assert sent < 50_000_000
    assert sender.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_other_names_and_other_pages_are_refused(server):
  assert server.ask("/model", Host="evil.example")[0] == 421
  sent = server.predict(("a.png", b"x"), Origin="http://evil.example")
  assert sent[0] == 403
  own = f"http://localhost:{server.port}"
  sent = server.predict(
    ("a.png", b"x"), Origin=own, Host=f"localhost:{server.port}"
  )
  assert sent[0] == 200
  assert server.ask("/health", Authorization="Bearer none")[0] == 200


def test_what_is_served_is_described(server, trained):
  _, _, model = server.ask("/model")
  assert model["class_names"] == ["CPJ", "HR", "P92"]
  assert model["limits"]["files"] == 12
  assert model["limits"]["file_limit_gb"] == 1
  status, _, described = server.ask("/openapi.json")
  assert status == 200
  row = described["components"]["schemas"]["Row"]["properties"]
  assert list(row) == model["columns"]
  assert server.ask("/nowhere")[0] == 404


def test_answers_are_as_the_description_says(server, files):
  described = server.ask("/openapi.json")[2]
  assert described["openapi"].startswith("3.1.")
  operations = [
    operation
    for of_path in described["paths"].values()
    for operation in of_path.values()
  ]
  assert len({each["operationId"] for each in operations}) == 5
  for each in operations:
    assert set(each["responses"]) == {"200", "default"}
  schemas = described["components"]["schemas"]
  for schema in schemas.values():
    jsonschema.Draft202012Validator.check_schema(schema)
  answers = jsonschema.Draft202012Validator(
    {**schemas["Answer"], "components": described["components"]}
  )
  for query in ("", "?level=tile", "?top_k=1"):
    _, _, found = server.predict(*contents(files), query=query)
    answers.validate(found)
  assert not answers.is_valid({**found, "rows": [{"file": 1}]})


@pytest.mark.skipif(chromium.PROGRAM is None, reason="it needs Chromium")
def test_the_page_classifies_in_a_browser(server, files, tmp_path):
  with chromium.page(server.url, tmp_path) as page:
    page.wait_for("document.body?.dataset.state")
    assert page.evaluate("document.body.dataset.state") == "ready"
    page.choose_files("#files", files[:2])
    page.wait_for("document.querySelectorAll('#rows tr').length == 2")
    assert page.asked[0] == server.url
    assert not [each for each in page.asked[1:] if each.startswith("http")]


_FORM = """
document.body.innerHTML = '<form action="/predict" method="post"'
  + ' enctype="multipart/form-data"><input type="file" name="f"></form>';
"""


@pytest.mark.skipif(chromium.PROGRAM is None, reason="it needs Chromium")
def test_a_form_of_its_own_may_send_files(server, files, tmp_path):
  with chromium.page(f"{server.url}health", tmp_path) as page:
    page.wait_for("document.body?.textContent.includes('ok')")
    page.evaluate(_FORM)
    page.choose_files("input", files[:1])
    page.evaluate("document.forms[0].submit()")
    said = page.wait_for(
      "location.pathname == '/predict' && document.body?.textContent"
    )
  assert json.loads(said)["rows"][0]["file"] == files[0].name


def test_what_runs_may_end_and_nothing_is_left(trained, files, tmp_path):
  """A crash leaves a file; the next server removes it, and ends in peace."""
  name, content = files[0].name, files[0].read_bytes()
  data = form((name, content))
  options = {"EANET_TOKEN": TOKEN}
  first = Server(trained, tmp_path / "uploads", **options)
  head = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
    b"Authorization: Bearer %b\r\n"
    b"Content-Type: multipart/form-data; boundary=xyz\r\n\r\n"
    % (len(data), TOKEN.encode())
  )

  def begin(port):
    sender = socket.create_connection(("127.0.0.1", port), 60)
    sender.sendall(head + data[:500])
    end = time.monotonic() + 30
    while not list((tmp_path / "uploads").rglob(name)):
      assert time.monotonic() < end
      time.sleep(0.01)
    return sender

  with begin(first.port):
    first.process.kill()
    first.process.communicate()
  (left,) = (tmp_path / "uploads").iterdir()
  second = Server(trained, tmp_path / "uploads", **options)
  assert not left.exists()
  assert second.predict((name, content))[0] == 401
  assert second.ask("/health")[0] == 200
  with begin(second.port) as sender:
    second.process.send_signal(signal.SIGTERM)
    line = ""
    while not line.startswith("stopping"):
      line = second.process.stdout.readline()
    assert line == "stopping: 1 request may end within 10 s\n"
    sender.sendall(data[500:])
    assert sender.recv(4096).startswith(b"HTTP/1.1 200 ")
  said, _ = second.process.communicate(timeout=60)
  assert second.process.returncode == 128 + signal.SIGTERM
  assert said.splitlines()[-1] == "stopped"
  assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
  ("options", "said"),
  [
    (["--host=0.0.0.0"], "can be reached from other computers: set a token"),
    (["--token-file=none"], "--token-file=none: No such file"),
    (["--host=192.0.2.1"], "can be reached from other computers"),
    (["--port={}"], "cannot listen on port {} of 127.0.0.1: Address already"),
  ],
)
def test_a_mistake_is_one_line(trained, options, said, monkeypatch):
  monkeypatch.delenv("EANET_TOKEN", raising=False)
  with socket.create_server(("127.0.0.1", 0)) as taken:
    port = taken.getsockname()[1]
    done = eanet("serve", trained, *(each.format(port) for each in options))
  assert done.returncode == 2
  assert said.format(port) in done.stderr
  assert done.stderr.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(trained, monkeypatch):
  found = importlib.util.find_spec
  monkeypatch.setattr(
    importlib.util,
    "find_spec",
    lambda name: None if name == "uvicorn" else found(name),
  )
  done = eanet("serve", trained)
  assert done.returncode == 2
  assert "needs uvicorn, not installed here: pip install" in done.stderr
