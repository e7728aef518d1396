"""``python -m cityseg VERB``."""

from cityseg.cli import main

main()
