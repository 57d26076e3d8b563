"""The decisions without the doing: nothing here sends, sleeps, locks or reads a clock, and time is in seconds."""
