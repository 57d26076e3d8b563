"""What was decided and changed, kept durably: decision records and their group commit."""
