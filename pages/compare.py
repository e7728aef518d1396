"""The compare page."""

from cityseg.ui import compare, shell

shell.heading("Compare", "Which is better, where, and is it sure?")
compare.page()
