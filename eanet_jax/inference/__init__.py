"""Trained networks at work: the forward pass, and classifying files."""
