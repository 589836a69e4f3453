"""Networks: standardised images (b, y, x, c) to class logits (b, l)."""
