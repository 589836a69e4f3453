"""The application by itself: what it answers, and what is left afterwards."""

import asyncio
import json

import made_classifiers
import pytest

from eanet_jax.inference import predictions
from eanet_jax.serving import (
  access,
  application,
  limits,
  requests,
  served_network,
)

BODY = (
  b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="a.png"'
  b"\r\n\r\nwords\r\n--xyz--\r\n"
)
HEADERS = {
  "host": "localhost:8000",
  "content-type": "multipart/form-data; boundary=xyz",
}


class Answers:
  """Stands in for the network: answers when it is told to."""

  def __init__(self, error=None):
    self.may_answer, self.error = asyncio.Event(), error

  async def predictions(self, paths):
    await self.may_answer.wait()
    if self.error:
      raise self.error
    return [
      predictions.Prediction(
        str(path), error=f"{path}: no image in {path.parent}"
      )
      for path in paths
    ]


@pytest.fixture(scope="module")
def network():
  return served_network.ServedNetwork(made_classifiers.classifier("eanet"))


@pytest.fixture
def made(network, tmp_path):
  """Returns an application, its answers and its log; within limits."""
  home = tmp_path / "home"
  home.mkdir()

  def make(error=None, **allowed):
    answers, log = Answers(error), []
    app = application.Application(
      network,
      answers,
      {"network_id": network.network_id},
      b"<!DOCTYPE html>",
      home,
      access.of("127.0.0.1", "", []),
      limits.Limits(**allowed),
      log.append,
    )
    return app, answers, log

  yield make
  assert list(home.iterdir()) == []


async def ask(app, method="POST", path="/predict", body=(BODY,), **headers):
  """Sends a request; returns its status, headers and body.

  Args:
    body: parts; None between them is a client that sends nothing more.
  """
  address, _, query = path.partition("?")
  scope = {
    "type": "http",
    "method": method,
    "raw_path": address.encode(),
    "query_string": query.encode(),
    "headers": [
      (name.replace("_", "-").encode(), value.encode())
      for name, value in {**HEADERS, **headers}.items()
    ],
    "client": ("127.0.0.1", 1),
  }
  parts, sent = list(body), []

  async def receive():
    if not parts:
      await asyncio.Event().wait()
    if (part := parts.pop(0)) is None:
      await asyncio.Event().wait()
    if part == "gone":
      return {"type": "http.disconnect"}
    return {"type": "http.request", "body": part, "more_body": bool(parts)}

  async def send(message):
    sent.append(message)

  await app(scope, receive, send)
  if not sent:
    return None, {}, b""
  found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
  content = b"".join(each["body"] for each in sent[1:])
  assert len(content) == int(found["content-length"])
  assert found["x-content-type-options"] == "nosniff"
  assert found["cache-control"] == "no-store"
  assert "frame-ancestors 'none'" in found["content-security-policy"]
  assert not any(name.startswith("access-control") for name in found)
  if sent[0]["status"] != 200:
    assert list(json.loads(content)) == ["error"]
  return sent[0]["status"], found, content


def test_rows_name_files_alone(made):
  app, answers, log = made()

  async def main():
    answers.may_answer.set()
    return await ask(app)

  status, _, content = asyncio.run(main())
  assert status == 200
  (row,) = json.loads(content)["rows"]
  assert row["file"] == "a.png"
  assert row["error"] == "a.png: no image in "
  assert len(log) == 1
  assert " 127.0.0.1 POST /predict 200 " in log[0]
  assert "a.png" not in log[0]


@pytest.mark.parametrize(
  ("method", "path", "status"),
  [
    ("GET", "/", 200),
    ("HEAD", "/health", 200),
    ("GET", "/model", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/../etc/passwd", 404),
    ("GET", "/predict", 405),
    ("OPTIONS", "/predict", 405),
    ("DELETE", "/", 405),
    ("POST", "/predict?level=specimen", 400),
    ("POST", "/predict?top_k=-1", 400),
    ("POST", "/predict?other=1", 400),
  ],
)
def test_addresses_are_answered_or_refused(made, method, path, status):
  app, _, log = made()
  found, headers, _ = asyncio.run(ask(app, method, path))
  assert found == status
  assert f" {method} {path.partition('?')[0]} {status} " in log[0]
  assert ("allow" in headers) == (status == 405)


def test_too_many_at_once_are_sent_away(made):
  app, answers, _ = made(requests=2)

  async def main():
    first = [asyncio.create_task(ask(app)) for _ in range(2)]
    while app.running < 2:
      await asyncio.sleep(0.01)
    status, headers, _ = await ask(app)
    assert status == 503
    assert int(headers["retry-after"]) > 0
    answers.may_answer.set()
    return [each[0] for each in await asyncio.gather(*first)]

  assert asyncio.run(main()) == [200, 200]
  assert app.running == 0


def test_late_requests_and_late_answers_end(made, monkeypatch):
  app, _, _ = made(request_s=0.2)

  async def main():
    slow, *_ = await ask(app, body=(BODY[:50], None, BODY[50:]))
    late, headers, _ = await ask(app)
    return slow, late, headers["retry-after"]

  monkeypatch.setattr(requests, "_LINGER_S", 0.1)
  assert asyncio.run(main()) == (408, 503, "2")


@pytest.mark.parametrize("body", [(BODY[:50], "gone"), (BODY, "gone")])
def test_nothing_is_done_for_who_went_away(made, body):
  app, _, log = made()
  assert asyncio.run(ask(app, body=body))[0] is None
  assert " 499 " in log[0]


def test_a_failure_is_told_to_the_operator_alone(made, capsys):
  app, answers, _ = made(error=RuntimeError("secret"))

  async def main():
    answers.may_answer.set()
    return await ask(app)

  status, _, content = asyncio.run(main())
  assert status == 500
  assert b"secret" not in content
  assert "secret" in capsys.readouterr().err


def test_a_large_request_is_refused_by_its_first_line(made):
  app, _, _ = made(request_mb=0.001)
  status, headers, _ = asyncio.run(ask(app, content_length="1001"))
  assert status == 413
  assert headers["connection"] == "close"


def test_a_log_line_is_one_line(made):
  app, _, log = made()
  asyncio.run(ask(app, "GET", "/a\n\x1b[2J" + "b" * 500))
  assert " GET /a__[2Jbbb" in log[0]
  assert len(log[0]) < 160


def test_a_form_stands_where_no_page_can_be_had(tmp_path):
  classifier = made_classifiers.classifier("eanet", "model.dtype=bfloat16")
  found = served_network.ServedNetwork(classifier).page(tmp_path, tmp_path)
  assert b'<form action="predict" method="post"' in found
  assert b"this network in bfloat16" in found
  assert (
    b"form-action &#39;self&#39;" in found or b"form-action 'self'" in found
  )
  assert b"<script" not in found
  assert list(tmp_path.iterdir()) == []
