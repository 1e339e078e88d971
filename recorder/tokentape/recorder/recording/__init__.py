"""Recording: from the frames of live traffic to cassettes, in two processes.

Take
    The frames of one exchange, from its opening to its end, as the data plane sent them.
Loss
    An exchange that should have been recorded and was not: named and counted, never written as complete.
Spool
    Where takes wait on disk for the recorder: files without a name, which vanish with the processes that
    hold them. They hold what was on the wire, secrets included, so nothing of them may outlive a crash.
Recorder
    The process that makes interactions of takes, scrubs them and keeps them, at its own pace.
Journal
    The file that interactions are appended to, scrubbed, one after the other. It survives whatever
    happens to the processes; at the end of its session it becomes a cassette, all at once.

The observer's side is `sink` (memory only), `courier` (a thread for the disk) and `spool`; the other side
is `process`, `reading`, `session`, `journal` and `finishing`. Between them goes what `handover` declares.
"""
