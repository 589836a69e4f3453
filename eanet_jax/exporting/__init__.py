"""Trained networks as files for programs that have never heard of this one."""
