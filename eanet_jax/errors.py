"""The one exception for what a user can put right."""


class UserError(Exception):
  """Something a user can mend; its text says what is wrong and what to do.

  The front doors print the text as one line and exit with code 2.
  """
