"""What people read: pages, plots and tables. Imports no JAX."""
