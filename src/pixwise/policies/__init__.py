"""Named policies for `moderate`, one TOML file each."""
