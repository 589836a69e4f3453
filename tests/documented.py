"""What README.md, BUILD.md and docs/ say: pages, commands, tables."""

import re

from conftest import ROOT

PAGES = (
  *("README.md", "BUILD.md", "CONTRIBUTING.md", "benchmarks/README.md"),
  *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
)
TEXTS = {page: (ROOT / page).read_text() for page in PAGES}
TEXT = "\n".join(TEXTS.values())


def blocks(language, text=TEXT):
  return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
LAUNCHES = [line for line in COMMANDS if line.startswith("python launch.py")]
# A server runs until it is stopped: tests/serving/test_documented.py.
SERVED = [line for line in COMMANDS if line.startswith("eanet serve ")]
EANET = [
  line for line in COMMANDS if line.startswith("eanet ") and line not in SERVED
]
PYTHON = [
  block
  for page, text in TEXTS.items()
  if page != "docs/serve.md"
  for block in blocks("python", text)
]


def results_section():
  text = TEXTS["docs/workdir.md"]
  return text[
    text.index("## Fields of results.json") : text.index("## Columns")
  ]
