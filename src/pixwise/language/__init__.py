"""Words for models and words from models: tokens, text towers, sentences that are written token by token."""
