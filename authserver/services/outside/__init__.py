"""Registers of delegations that other authorities keep: asked with a token of our own, bounded in every way."""

from authserver.services.outside.opening import open_registers
from authserver.services.outside.registers import Registers

__all__ = ["Registers", "open_registers"]
