"""Tillit's authorization server: machine-to-machine access between organisations."""

__version__ = "0.1.0"
