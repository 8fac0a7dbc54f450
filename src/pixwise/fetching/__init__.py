"""How files of models come, where they lie, and what is known of them."""
