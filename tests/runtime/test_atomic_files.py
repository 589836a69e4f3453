"""Files are replaced whole, and links stay links."""

from eanet_jax.runtime import atomic_files


def test_what_a_link_leads_to_is_replaced(tmp_path):
  link, target = tmp_path / "link", tmp_path / "target"
  target.write_text("before")
  link.symlink_to(target)
  atomic_files.write_text(link, "after")
  assert link.is_symlink()
  assert target.read_text() == "after"
  assert sorted(tmp_path.iterdir()) == [link, target]
