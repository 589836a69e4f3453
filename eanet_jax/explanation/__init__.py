"""What a network looked at: arrays in, arrays out."""
