"""From a case to the arrays that a network reads: scaled, cropped, cached once, batched, augmented."""
