"""Counts and times are written as people have them."""

import pytest

from eanet_jax.runtime import wording


@pytest.mark.parametrize(
  ("number", "noun", "expected"),
  [
    (0, "image", "0 images"),
    (1, "class", "1 class"),
    (2, "class", "2 classes"),
    (1, "usable image", "1 usable image"),
  ],
)
def test_a_noun_agrees_with_its_number(number, noun, expected):
  assert wording.count(number, noun) == expected


def test_a_long_list_is_cut():
  assert wording.listed(["a", "b", "c"], 3) == "a, b, c"
  assert wording.listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_what_is_true_of_many_classes_is_told_once():
  told = [("A", "is odd", "are odd"), ("B", "is new", "are new")]
  told += [("C", "is odd", "are odd")]
  assert wording.of_classes(told, shown=2) == [
    "class A is odd",
    "class B is new",
    "class C is odd",
  ]
  assert wording.of_classes([*told, ("D", "is odd", "are odd")], shown=2) == [
    "classes A, C and 1 more are odd",
    "class B is new",
  ]


@pytest.mark.parametrize(
  ("seconds", "words"),
  [
    (0, "less than a minute"),
    (59, "less than a minute"),
    (61, "about a minute"),
    (95, "about 2 minutes"),
    (12 * 60, "about 12 minutes"),
    (74 * 60, "about 74 minutes"),
    (76 * 60, "about 1.5 hours"),
    (2 * 3600, "about 2 hours"),
    (11.4 * 3600, "about 11 hours"),
    (50 * 3600, "about 2 days"),
  ],
)
def test_times_are_told_as_people_tell_them(seconds, words):
  assert wording.duration(seconds) == words


@pytest.mark.parametrize(
  ("text", "shown"),
  [
    ("bainite/µm 5.tif\tready\n", "bainite/µm 5.tif\tready\n"),
    ("a\x1b[2Jb", "a\\x1b[2Jb"),  # clears the screen
    ("a\rb\x07", "a\\rb\\x07"),  # writes over the line, rings
    ("gnp\u202etif", "gnp\\u202etif"),  # shows as "gnpfit"
    ("\u2066x\u2028\x9b", "\\u2066x\\u2028\\x9b"),
    ("\udcff.png", "\\udcff.png"),  # a byte that is not UTF-8
  ],
)
def test_names_do_nothing_to_a_terminal(text, shown):
  assert wording.printable(text) == shown
