"""The command `asterisk-privacy`: one file per command family, parsing and printing only."""
