"""Listening to recordings: the review page, and the same in a terminal. Processes of their own; the recorder never imports this room, and
never holds a reviewer's key. Who may what is decided in access/.

    app.py             the routes of the page
    guard.py           what stands before every route (session, token, host) and behind every answer (headers)
    signing_in.py      passwords; sessions.py who is in, lockout.py who must wait
    listening.py       purpose and reason -> audit row -> token -> audio, with ranges.py
    recordings.py      a recording's page and forms; recording_view.py what it tells to whom
    lists.py           the reviewer's queue, the incident handler's cases
    officer.py         requests, holds, overdue deletions, the register, the audit trail
    pages.py           templates and languages; texts_en.py and texts_nl.py the words
    serve.py           the process: key, port, end
    terminal.py        playing without a browser: transport.py, stretch.py
"""
