"""The HTTP server: requests are checked, files are taken in and answered."""
