"""From microscope files to batches on devices."""
