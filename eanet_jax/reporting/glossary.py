"""The words of a page that a metallographer need not know, explained on it.

Takes words as templates use them, gives links: a word's first use leads to what
it means at the end of the page, and from there back. No script is needed.
"""

import markupsafe

WORDS = {
  "accuracy": "The share of answers that are right.",
  "balanced accuracy": "The mean of the recalls of all classes: a class of few"
  " micrographs counts as much as one of many.",
  "precision": "Of the micrographs that were called a class, the share that is"
  " of it.",
  "recall": "Of the micrographs that are of a class, the share that was called"
  " so.",
  "F1": "One number for precision and recall, their harmonic mean: 1 if both"
  " are perfect, near 0 if one of them is.",
  "macro": "The mean over the classes, each counting alike, however many"
  " micrographs it has.",
  "Cohen’s kappa": "How far the answers agree with the truth beyond chance: 0"
  " is as good as guessing with the same frequencies, 1 is perfect, below 0 is"
  " worse than guessing.",
  "95 % interval": "Where the figure would likely be for other specimens like"
  " these: the middle 95 % of what it is when the specimens (or micrographs,"
  " where specimens are not known) are drawn again at random from those tested."
  " With few specimens it is rough.",
  "baseline": "A simple method on the same micrographs. A network that is no"
  " better than it has learned nothing worth having.",
  "always the commonest class": "Names, for every micrograph, the class that"
  " was commonest in training. Where classes are of equal size and one specimen"
  " is left out, the commonest is always another one, so that it may be right"
  " less often than a guess.",
  "grey mean and spread": "Knows nothing of a micrograph but its brightness and"
  " contrast. If it does well, the classes were recorded differently, and a"
  " network may have learned that.",
  "GLCM + LBP texture": "Classical texture numbers (grey-level co-occurrence"
  " matrices and local binary patterns) with a classical classifier on them.",
  "SVM": "Support vector machine, a classical classifier: it puts the widest"
  " margin between classes.",
  "linear discriminants": "A classical classifier: it draws straight boundaries"
  " between classes.",
  "specimen": "A piece of steel. Micrographs of one piece are near-copies of"
  " each other, so that a test must be on pieces that were not trained on.",
  "tile": "A square part of a micrograph. The answers for its tiles are"
  " averaged.",
  "network": "The program that learns from micrographs with known classes to"
  " name the class of others.",
  "frozen": "Learned before from millions of everyday pictures and left as it"
  " is. Only the last step, from its features to your classes, is learned from"
  " your micrographs.",
  "cross-validation": "The micrographs are shared out into parts (folds). For"
  " each part a network is trained on all the others and tested on it, so that"
  " each micrograph is tested once, by a network that had not seen it.",
  "fold": "One of the parts of a cross-validation, tested by a network that was"
  " trained on the other parts.",
  "seed": "The start of the random numbers of a training: another one gives a"
  " slightly different network.",
  "validation": "Micrographs that are not trained on and choose the best moment"
  " of a training. The test is on others.",
  "epoch": "One pass over all micrographs that are trained on.",
  "loss": "What training makes small: large where a network gives the right"
  " class a low probability.",
  "confusion matrix": "Counts of which class was called which; right answers"
  " stand on the diagonal.",
  "probability": "How sure the network is of a class, from 0 to 100 %.",
  "calibration": "Whether probabilities are honest: of the answers with 80 %,"
  " 80 % should be right. The expected calibration error is by how much they"
  " differ on average.",
  "temperature": "A number that the network’s scores are divided by, to make it"
  " more (below 1) or less sure. It changes no answer of a whole micrograph.",
  "novelty": "How unlike everything trained on a micrograph is. Of micrographs"
  " like those, 5 % are above 1.",
  "foreign": "Unlike everything trained on (novelty above 1): the class that is"
  " named may mean nothing.",
  "brightness": "The mean of the grey levels of a micrograph, 0 (black) to 255"
  " (white).",
  "contrast": "How far the grey levels of a micrograph spread: their standard"
  " deviation.",
  "memory slot": "One entry of the patterns that the network’s attention has"
  " learned and compares every part of a micrograph with.",
  "attention head": "One of several parts of the network that compare the parts"
  " of a micrograph side by side.",
  "parameters": "The numbers that training adjusts.",
  "GFLOP": "A thousand million arithmetic operations.",
}


class Glossary:
  """The words that a page has used so far, in order."""

  def __init__(self) -> None:
    """Begins a page."""
    self._used: list[str] = []

  def __call__(self, word: str, text: str = "") -> str:
    """Returns the word or another `text` for it; where it is first, a link."""
    if word not in WORDS:  # a template's mistake, found in any rendering
      raise KeyError(word)
    if word in self._used:
      return text or word
    self._used.append(word)
    number = len(self._used)
    return markupsafe.Markup(
      '<a class="word" id="used-{}" href="#word-{}">{}</a>'
    ).format(number, number, text or word)

  @property
  def used(self) -> list[tuple[int, str, str]]:
    """(number, word, meaning) of the words used, in alphabetical order."""
    numbered = [(i + 1, word) for i, word in enumerate(self._used)]
    return [
      (number, word, WORDS[word].replace(" %", "\N{NO-BREAK SPACE}%"))
      for number, word in sorted(numbered, key=lambda each: each[1].lower())
    ]
