"""What the page asks of the registry, and who answers.

A request is a typed value that carries what it asks and from whom (an account's name). It is carried out where the registry
is: the decision is made there, from the account as its file has it, and stands in the audit trail before anything is
answered. The page decides nothing by itself, so a page in wrong hands can ask no more than its accounts may.

    requests.py    what every request has; access/desk.py is where it is carried out
    listening.py, recordings.py, lists.py, officer.py, signing.py, agreeing.py   the requests
    local.py       a registry on PostgreSQL: carried out here, with a database user that may do no more than the page must
    client.py      a registry in a file: asked of the recorder's user through a socket; the page cannot read or lock the file
    server.py      the other end, a process that the recorder starts (daemon/page_desk.py); wire.py what goes over the socket
"""
