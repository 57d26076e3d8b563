"""The admin API: routers that translate HTTP into the registry's use-cases and back. No rule lives here."""
