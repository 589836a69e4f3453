"""What answers are worth: scores, intervals, baselines, calibration."""
