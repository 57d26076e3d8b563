"""SQL and Redis adapters: they translate records to rows and back, and never decide."""
