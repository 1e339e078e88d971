"""The lasting truth: one row per call, with its bill, kept in SQLite or PostgreSQL.

The nouns:

**row**
    One call and its bill, in table `calls`. It holds no prompt or answer text and no key.
**rollup**
    Exact sums over rows by time and by the dimensions that have few values, written in the same
    transaction as the rows, so that the two never disagree.
**grain**
    The length of a rollup's piece of time: a quarter of an hour, an hour, a day (UTC).
**pico**
    Money is kept as whole pico-dollars: 10^12 are one USD. Sums of integers are exact in any order.
**mark**
    "Of this link, so many calls are settled", committed with the rows it speaks of. A link is one
    connection of a worker to an observer.
**settled**
    A call is settled once its row is committed, or counted as lost.
"""
