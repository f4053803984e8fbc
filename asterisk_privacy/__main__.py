"""`python -m asterisk_privacy` is the command asterisk-privacy."""

from asterisk_privacy.cli.main import main

main(prog_name="asterisk-privacy")
