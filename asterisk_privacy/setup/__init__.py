"""Putting the recorder into a PBX's configuration, and taking it out again.

`tree` reads files below a root; `conf` understands Asterisk's syntax, includes and all; `layout` says what kind of PBX it is and where its
own lines belong; `plan` decides what each file shall say (pure); `marks` puts our lines between marks and takes them out to the byte;
`apply` writes, after a backup, and reloads.
"""
