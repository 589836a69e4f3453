"""MkDocs hooks: the pages outside docs/ are pages of the site too.

README.md, BUILD.md and the like stay where readers of a repository look for
them. Links between pages are those of the repository; here they are rewritten
to where the pages lie in the site.
"""

import pathlib
import posixpath
import re

from mkdocs.structure import files

ROOT = pathlib.Path(__file__).parents[1]
# Where a page of the repository lies in the site.
PAGES = {
  "README.md": "index.md",
  "BUILD.md": "build.md",
  "CONTRIBUTING.md": "contributing.md",
  "CHANGELOG.md": "changelog.md",
  "benchmarks/README.md": "benchmarks.md",
}
_LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def on_files(listed, config):
  """Returns the files of the site, with the pages outside docs/."""
  for source, page in PAGES.items():
    listed.append(
      files.File.generated(config, page, abs_src_path=str(ROOT / source))
    )
  return listed


def on_page_markdown(markdown, page, config, files):
  """Returns a page's text with its links as they are in the site."""
  del config, files
  of_site = {site: source for source, site in PAGES.items()}
  uri = page.file.src_uri
  here = posixpath.dirname(of_site.get(uri, f"docs/{uri}"))

  def link(found):
    target = posixpath.normpath(posixpath.join(here, found[1]))
    anchor = found[2] or ""
    if target in PAGES:
      return f"]({PAGES[target]}{anchor})"
    if target.startswith("docs/"):
      return f"]({target.removeprefix('docs/')}{anchor})"
    # A file of the repository that is no page: its name, without a link.
    return "]"

  text = _LINK.sub(link, markdown)
  # [name] of a link that is gone.
  return re.sub(r"\[(configs/\w+\.py)\](?!\()", r"`\1`", text)
