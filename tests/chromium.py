"""A browser for tests: Chromium without a window, driven by its own protocol.

https://chromedevtools.github.io/devtools-protocol, over pipes: messages in
JSON, each ended by a zero byte.
"""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

PROGRAM = next(
  filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))),
  None,
)
_OPTIONS = (
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--remote-debugging-pipe",
)


class Page:
  """One page; `asked` is every address that it wanted something from."""

  def __init__(self, to_browser: Any, from_browser: Any, address: str):
    """Opens the address."""
    self._to, self._from = to_browser, from_browser
    self._numbers = itertools.count(1)
    self.asked: list[str] = []
    target = self._call("Target.createTarget", url="about:blank", session="")
    attached = self._call(
      "Target.attachToTarget", **target, flatten=True, session=""
    )
    self._session = attached["sessionId"]
    self._call("Network.enable")
    self._call("Page.navigate", url=address)

  def _call(self, method: str, session: str | None = None, **given: Any) -> Any:
    number = next(self._numbers)
    message = {"id": number, "method": method, "params": given}
    if session is None:
      message["sessionId"] = self._session
    self._to.write(json.dumps(message).encode() + b"\0")
    self._to.flush()
    while True:
      answer = json.loads(self._read())
      if answer.get("method") == "Network.requestWillBeSent":
        self.asked.append(answer["params"]["request"]["url"])
      if answer.get("id") == number:
        assert "error" not in answer, answer
        return answer["result"]

  def _read(self) -> bytes:
    parts = []
    while (byte := self._from.read(1)) != b"\0":
      assert byte, "the browser has ended"
      parts.append(byte)
    return b"".join(parts)

  def evaluate(self, expression: str) -> Any:
    """Returns the value of an expression, of plain JSON."""
    found = self._call(
      "Runtime.evaluate", expression=expression, returnByValue=True
    )
    assert "exceptionDetails" not in found, found
    return found["result"].get("value")

  def wait_for(self, expression: str, seconds: float = 100) -> Any:
    """Returns the value of an expression as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := self.evaluate(expression)):
      assert time.monotonic() < end, f"never: {expression}"
      time.sleep(0.1)
    return value

  def choose_files(self, selector: str, files: list[pathlib.Path]) -> None:
    """Gives files to an input element."""
    found = self._call(
      "Runtime.evaluate", expression=f"document.querySelector({selector!r})"
    )
    self._call(
      "DOM.setFileInputFiles",
      files=[str(each) for each in files],
      objectId=found["result"]["objectId"],
    )


@contextlib.contextmanager
def page(address: str, folder: pathlib.Path) -> Iterator[Page]:
  """Yields an open page.

  Args:
    address: of the page.
    folder: where the browser keeps its things.
  """
  (theirs, to_browser), (from_browser, theirs_too) = os.pipe(), os.pipe()
  command = [PROGRAM, *_OPTIONS, f"--user-data-dir={folder / 'profile'}"]
  # It reads from 3 and writes to 4.
  shell = f'exec "$@" 3<&{theirs} 4>&{theirs_too}'
  browser = subprocess.Popen(
    ["bash", "-c", shell, "bash", *command],
    pass_fds=(theirs, theirs_too),
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )
  os.close(theirs)
  os.close(theirs_too)
  try:
    with (
      os.fdopen(to_browser, "wb") as writer,
      os.fdopen(from_browser, "rb") as reader,
    ):
      yield Page(writer, reader, address)
  finally:
    browser.kill()
    browser.wait()
