"""What may be expected to go wrong when a verb runs, each as a refusal with a sentence."""

from __future__ import annotations

from typing import Any

from authserver.keys.faults import KeyRingError
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.unavailable import Unannounced, Unavailable
from authserver.settings import SettingsError


class UnreadableFileError(Exception):
    """A file that the verb was given cannot be read; the text is a sentence."""


def expected() -> tuple[type[Exception], ...]:
    """Everything that is answered with a sentence; anything else is a fault of ours and shows where it happened."""
    from authserver.services import NotReadyError

    return (Refusal, SettingsError, NotReadyError, UnreadableFileError, KeyRingError, Unavailable, OSError)


def refusal_document(fault: Exception) -> dict[str, Any]:
    """Tell a fault that was `expected` as `error`, `code`, `reason` and `sentence`."""
    match fault:
        case Refusal():
            return told(fault.error, fault.code, fault.reason.dotted, fault.sentence)
        case SettingsError():
            sentence = " ".join(f"{text.rstrip('.')}." for text in fault.faults)
            return {**told("invalid_settings", "AS-601", "settings", sentence), "faults": list(fault.faults)}
        case UnreadableFileError():
            return told("unreadable_file", "AS-603", "file", str(fault))
        case KeyRingError():
            return told("key_ring", "AS-604", "key.ring", str(fault))
        case OSError():
            where = f"The file {fault.filename}" if fault.filename else "The system"
            return told("operating_system", "AS-605", "system", f"{where} does not let us: {fault.strerror or fault}.")
        case Unannounced():
            sentence = (
                f"The change is stored (policy epoch {fault.epoch}), but not every node is known to follow it yet, for"
                " Redis does not answer; each will within a second of Redis answering again."
                " Run the verb again to be sure that it is in effect."
            )
            return told("not_announced", "AS-606", "not.announced", sentence)
        case Unavailable() if not fault.certain:
            sentence = (
                f"The {fault.part} did not answer in time, so the change may be stored or not. Run the verb again."
            )
            return told("not_known", "AS-607", "not.known", sentence)
        case Unavailable():
            row = Reason.UNAVAILABLE
            return told(row.row.error, row.row.code, row.dotted, f"The {fault.part} does not answer.")
        case _:
            return told("not_ready", "AS-602", "not.ready", str(fault))


def told(error: str, code: str, reason: str, sentence: str) -> dict[str, Any]:
    """Make the document of a refusal."""
    return {"error": error, "code": code, "reason": reason, "sentence": sentence}
