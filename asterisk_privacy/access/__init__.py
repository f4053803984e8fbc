"""Who may know of, hear and do what with a recording: decided here once, for every door.

The doors are the review page, the terminal player and the commands. They ask here and say the answer in their own words.

    permission.py   the decision: who somebody is and what is known of a recording go in, a refusal or None comes out. Pure
    facts.py        what is known of a recording, as far as the decision cares
    accounts.py     the file of accounts: roles, and the phones that somebody is
    actor.py        who acts: somebody with an account, root without one, or another user of the machine
    acts.py         decide, write the audit row, do: hearing, outcome, lesson, objection
    cases.py        the same for cases and legal holds
    persons.py      the same for what a person asks: look up, copy, erase, restrict
    desk.py         where it is done: the registry, the rules of the configuration, the accounts
"""
