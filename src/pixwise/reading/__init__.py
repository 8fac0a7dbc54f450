"""From any source to the bytes and claims of a picture."""
