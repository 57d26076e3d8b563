"""What an adapter takes for a client: whatever gets tokens, by itself or from a sidecar."""

from __future__ import annotations

from typing import TypeAlias

from tillit.aio import AsyncTokenClient
from tillit.client import TokenClient
from tillit.sidecar_client import AsyncSidecarTokenClient, SidecarTokenClient

ThreadGetter: TypeAlias = TokenClient | SidecarTokenClient
TaskGetter: TypeAlias = AsyncTokenClient | AsyncSidecarTokenClient
