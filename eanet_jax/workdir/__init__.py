"""What a run leaves on disk: one module for each format."""
