"""The verifier gym: wrong tokens and odd requests for an API of one's own, and a report of what it let through."""

from tillit.gym.exercises import Exercise, Grade
from tillit.gym.report import as_html, as_text, document
from tillit.gym.trial import Minted, Result, Trial

__all__ = ["Exercise", "Grade", "Minted", "Result", "Trial", "as_html", "as_text", "document"]
