"""Scrubbing: what of an exchange may be kept, and what becomes of the secrets in it.

Allowed
    The endpoints and headers that a cassette may hold. What is not on the lists is left out.
Secret
    A credential, a cookie, the id of an organisation, a workspace or a user, or whatever a `Policy`
    names. Wherever one stands, a constant placeholder stands in its place, so that a request made with
    one key equals the same request made with another.
Leak
    A secret found in a cassette that is already written.

Two things are never touched, because they must stay valid: base64 media and thinking signatures.
"""
