"""Tokens over loopback for programs in any language: the JSON API of Texas, as nais applications know it.

Needs the extra `sidecar`.
"""

from tillit.sidecar.app import sidecar_app
from tillit.sidecar.judge import Judge
from tillit.sidecar.loopback import LoopbackOnly

__all__ = ["Judge", "LoopbackOnly", "sidecar_app"]
