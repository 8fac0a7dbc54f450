"""Pictures from nothing: noise that a model takes away step by step."""
