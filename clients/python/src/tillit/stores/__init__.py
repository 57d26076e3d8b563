"""Where tokens are kept: in this process, and where several processes find them."""

from tillit.stores.address import open_store
from tillit.stores.encrypted import Encrypted
from tillit.stores.files import FileStore
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import Lease, Stored, TokenStore
from tillit.stores.redis import RedisStore

__all__ = ["Encrypted", "FileStore", "Lease", "MemoryStore", "RedisStore", "Stored", "TokenStore", "open_store"]
