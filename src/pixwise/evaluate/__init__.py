"""How good answers are, measured against the truth that the user has."""
