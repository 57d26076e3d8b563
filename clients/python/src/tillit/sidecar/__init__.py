"""Tokens over loopback for programs in any language, by the JSON API of Texas, with the extra `sidecar`."""

from tillit.sidecar.app import sidecar_app
from tillit.sidecar.judge import Judge
from tillit.sidecar.loopback import LoopbackOnly

__all__ = ["Judge", "LoopbackOnly", "sidecar_app"]
