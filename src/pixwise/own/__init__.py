"""Cards for a user's own folders of models."""
