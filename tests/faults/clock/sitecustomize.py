"""Python runs this first where it finds it: the wall clock is off by the seconds that a file says, at any moment."""

import os
import time
from pathlib import Path

_true = time.time
_offset = Path(os.environ["TILLIT_CLOCK_OFFSET"])


def _shown() -> float:
    return _true() + float(_offset.read_text(encoding="ascii"))


vars(time)["time"] = _shown
