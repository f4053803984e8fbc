"""The review page: who may listen hears a recording for one of its purposes, and says what came of it. A process of its own; the
recorder never imports this room, and never holds a reviewer's key.

    permission.py  who may see, hear and do what, and why not (pure)
    app.py         the routes
"""
