"""`python -m tillit` is the command `tillit`."""

from tillit.cli import main

main()
