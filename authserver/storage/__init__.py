"""SQL and Redis adapters: they translate records to rows and back, and never decide."""

# Its tables belong to the schema, whoever asks for that.
from authserver.storage import idempotency as idempotency
