"""Alembic's door: runs the revisions on the connection it is handed, inside that connection's transaction."""

from alembic import context

from authserver.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by making it anew.
    render_as_batch=True,
)
context.run_migrations()
