"""The crash harness: the product as real processes against the twin, killed again and again."""
