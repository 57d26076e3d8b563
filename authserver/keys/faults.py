"""What can be wrong with our keys, each told in a sentence for the operator. No sentence holds a part of a key."""

from __future__ import annotations


class KeyRingError(Exception):
    """The common base, for a caller that prints the sentence and gives up."""


class BrokenKeyError(KeyRingError):
    """A key file that must not be used. The sentence names the file; the ring is not opened without it."""

    def __init__(self, file: str, fault: str) -> None:
        super().__init__(f"The key file {file} {fault}.")
        self.file = file


class ChangeRefusedError(KeyRingError):
    """A change that would leave the ring without a key to sign with, or that makes no sense."""
