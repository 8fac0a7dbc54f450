"""Which models there are, how large they are, and which would answer now without a fetch."""

from pixwise import registry
from pixwise.fetching import shelf

for card in registry.cards("detect"):
    size = f"{card.bytes / 1e6:.1f} MB" if card.bytes else "" if card.runtime == "builtin" else "unknown"
    print(f"{card.id:16}{card.licence:12}{size:>10}  {shelf.state(card)}")  # built in, ready, not here, unverified …
