"""Which models there are, and which would answer now without a fetch."""

from pixwise import registry, store

for card in registry.cards("detect"):
    state = "ready" if store.is_ready(card) else "not here"
    print(f"{card.id:16}{card.runtime:9}{card.licence:12}{card.bytes / 1e6:8.1f} MB  {state}")
