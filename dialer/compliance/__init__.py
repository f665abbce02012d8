"""The law as data: rule packs in TOML, one pure decision, and the proof that it was made."""
