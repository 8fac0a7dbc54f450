from pixwise.serve.keys import new_key
from pixwise.serve.settings import load_settings

key, kept = new_key("anna")  # as `pixwise serve --new-key anna` does
entry = {"name": kept.name, "sha256": kept.sha256.get_secret_value(), "scopes": ["ask"], "rate": 120}
settings = load_settings(keys=[entry])
assert key.startswith("pixwise_")
assert key not in str(settings.told())
assert entry["sha256"] not in str(settings.told())
