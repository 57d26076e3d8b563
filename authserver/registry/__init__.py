"""Who may change what: the use-cases behind API, CLI and pages, and the rights they check."""
