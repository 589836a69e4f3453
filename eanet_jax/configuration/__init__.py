"""What a run is to do: recipes, the command line, the rules for fields."""
