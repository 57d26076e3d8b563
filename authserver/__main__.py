"""`python -m authserver` is the command line."""

from authserver.cli import main

main()
