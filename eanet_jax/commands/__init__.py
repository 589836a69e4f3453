"""One file for each verb of `eanet`, and the jobs that launch.py runs."""
