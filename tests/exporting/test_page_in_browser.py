"""The page reads a JPEG by the browser's decoder: the same pixels, or it says.

Chromium runs the modules, from a server on this machine.
"""

import base64
import http.server
import io
import itertools
import json
import re
import subprocess
import threading

import chromium
import made_damage
import numpy as np
import pytest
from conftest import ROOT
from made_files import specimen, with_bar
from PIL import Image

from eanet_jax.data import micrographs

PAGE = ROOT / "eanet_jax" / "exporting" / "page"
HTML = """<!doctype html><meta charset="utf-8"><script type="module">
import { readMicrograph } from "/micrograph.js";
const found = [];
for (const { name, content } of await (await fetch("/files")).json()) {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  try {
    const micrograph = await readMicrograph(bytes, name);
    found.push({ ...micrograph, image: [...micrograph.image] });
  } catch (error) {
    found.push({ error: error.message });
  }
}
await fetch("/found", { method: "POST", body: JSON.stringify(found) });
</script>"""


def read_in_browser(files, folder):
  """What the page finds of each (name, bytes), in Chromium."""
  packed = [
    {"name": name, "content": base64.b64encode(content).decode()}
    for name, content in files
  ]
  found, done = [], threading.Event()

  class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, content, kind):
      self.send_response(200)
      self.send_header("Content-Type", kind)
      self.end_headers()
      self.wfile.write(content)

    def do_GET(self):
      name = self.path[1:]
      if name == "files":
        self.answer(json.dumps(packed).encode(), "application/json")
      elif name.endswith(".js"):
        self.answer((PAGE / name).read_bytes(), "text/javascript")
      else:
        self.answer(HTML.encode(), "text/html")

    def do_POST(self):
      size = int(self.headers["Content-Length"])
      found.extend(json.loads(self.rfile.read(size)))
      self.answer(b"", "text/plain")
      done.set()

    def log_message(self, *_):
      pass

  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser = subprocess.Popen(
      [
        chromium.PROGRAM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
        f"http://127.0.0.1:{server.server_port}/",
      ],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
    )
    assert done.wait(100), "the browser did not answer"
    browser.kill()
    browser.wait()
    server.shutdown()
  return found


def jpegs():
  """Grey and in colours, of any sampling, whole, turned, and short."""
  colours = np.stack(
    [specimen(97, 131, seed=seed) for seed in range(3)], axis=2
  )
  for quality, progressive, subsampling in itertools.product(
    (40, 90), (False, True), (0, 1, 2)
  ):
    how = {"quality": quality, "progressive": progressive}
    content = made_damage.jpeg_bytes(colours, subsampling=subsampling, **how)
    yield f"{quality} {progressive} {subsampling}.jpg", content
  yield "bar.jpg", made_damage.jpeg_bytes(with_bar(), quality=90)
  exif = Image.Exif()
  exif[0x112] = 6
  whole = made_damage.jpeg_bytes(colours, exif=exif)
  yield "turned.jpg", whole
  for share in (0.5, 0.9, 0.97):
    cut = whole[: int(share * len(whole))]
    yield f"{share}.jpg", cut
    yield f"{share} with an end.jpg", cut + b"\xff\xd9"
  short = made_damage.segments(
    made_damage.jpeg_bytes(colours, progressive=True)
  )
  yield "scans.jpg", made_damage.of_segments(short[:-2])
  yield "size.jpg", made_damage.with_size(whole, 4000, 4000)


def test_the_trial_of_a_browser_is_what_pillow_decodes():
  text = (PAGE / "jpeg_probe.js").read_text()
  jpeg, grey = (
    base64.b64decode("".join(re.findall(r'"(.*)"', part)))
    for part in re.findall(r"= \[(.*?)\]\.join", text, re.DOTALL)
  )
  right = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
  assert right.tobytes() == grey


@pytest.mark.skipif(chromium.PROGRAM is None, reason="it needs Chromium")
def test_a_jpeg_is_read_as_by_the_program_or_it_is_said(tmp_path):
  files = list(jpegs())
  found = read_in_browser(files, tmp_path)
  # Of 3,264 real JPEGs no pixel differs in Chromium 150.
  said = {
    remark
    for page in found
    for remark in page.get("remarks", [])
    if remark.startswith("this browser decodes a JPEG in another way")
  }
  limit = 8 if said else 0
  for (name, content), page in zip(files, found, strict=True):
    path = tmp_path / name
    path.write_bytes(content)
    try:
      program = micrographs.read(path)
    except micrographs.MicrographError as error:
      assert page["error"].split(":")[0] == str(error).split(":")[0], name
      continue
    assert "error" not in page, (name, page)
    image = np.reshape(page["image"], (page["height"], page["width"]))
    assert image.shape == program.image.shape
    off = np.abs(image - program.image.astype(int)).max()
    assert off <= limit, (name, off)
    assert page["cropRows"] == program.crop_rows
