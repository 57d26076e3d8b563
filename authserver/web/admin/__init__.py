"""The admin API: routers that translate HTTP into use-cases of the registry and back, and decide nothing."""
