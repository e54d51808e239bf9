"""What the operator saw: a frozen view of one LLMGateway, its children and what it refers to.

Lives here: the view and how it is gathered.

Never here: values of users' Secrets. Of those only names of keys and digests leave this package; the one exception is
the generated password of a managed store, which the operator itself made.
"""
