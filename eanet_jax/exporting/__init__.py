"""Trained networks for other programs: one file, and what is to know of it."""
