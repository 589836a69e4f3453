"""What is said of few specimens, as people will quote it."""

import made_results

from eanet_jax.reporting import limits, markdown_text


def results(right, tested, by="specimen"):
  """Results of specimens: {class: how many right} of {class: how many}."""
  names = list(tested)
  per_class = {
    name: {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": tested[name]}
    for name in names
  }
  wrong = dict(zip(names, names[1:] + names[:1], strict=True))
  confusion = {
    name: {name: right[name], wrong[name]: tested[name] - right[name]}
    for name in names
  }
  run = made_results.run_results(class_names=names)
  run.test["specimen"].update(per_class=per_class, confusion=confusion)
  run.split["by"] = by
  return run


def test_specimens_without_an_error_exclude_little():
  run = results({"A": 2, "B": 2}, {"A": 2, "B": 2})
  first, _, weakest = limits.sentences(run)
  assert first.startswith(
    "4 specimens, all right, exclude only accuracies below 0.47; 29 without an"
    " error are needed to claim 0.90."
  )
  assert weakest == (
    "Least is known of class A: 2 of 2 specimens right exclude only accuracies"
    " below 0.22."
  )
  assert limits.next_measurement(run) == (
    "Measure class A next: 27 more specimens, all told right, are needed to"
    " claim 0.90 of it."
  )


def test_the_class_with_errors_or_few_specimens_comes_first():
  run = results({"A": 9, "B": 5, "C": 0}, {"A": 9, "B": 6, "C": 0})
  assert [each.name for each in limits.of_specimens(run)] == ["C", "B", "A"]
  assert "15 specimens, 14 of them right" in limits.sentences(run)[0]
  assert "with 1 error, 46 are needed" in limits.sentences(run)[0]
  assert "class C next: 29 more" in limits.next_measurement(run)
  run = results({"A": 40, "B": 1}, {"A": 40, "B": 6})
  assert "needed to learn from first" in limits.next_measurement(run)
  run = results({"A": 40, "B": 50}, {"A": 40, "B": 50})
  assert "that is enough to claim 0.90" in limits.sentences(run)[0]
  assert "can be claimed" in limits.next_measurement(run)


def test_nothing_is_said_of_specimens_that_are_not_known():
  run = results({"A": 2, "B": 2}, {"A": 2, "B": 2}, by="micrograph")
  assert limits.of_specimens(run) is None
  (only,) = limits.sentences(run)
  assert "nothing here says" in only


def test_names_stay_names_in_markdown():
  name = "a|b <i> [x](http://y) `c` *d*\n# e_f [0.1, 0.2]"
  assert markdown_text.escaped(name) == (
    "a\\|b \\<i\\> [x\\](http://y) \\`c\\` \\*d\\* # e_f [0.1, 0.2]"
  )
