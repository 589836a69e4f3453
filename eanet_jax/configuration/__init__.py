"""What a run is told: recipes, the command line, what fields may be."""
