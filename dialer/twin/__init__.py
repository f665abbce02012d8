"""The far end of every socket: a server that speaks our vendors' wire protocols on loopback.

It knows nothing of the product and shares no code with it, so it can bear witness against it.

Reading order: `server` (one port, everything composed) → `plivo` (that vendor's side) →
`rest_calls` → `exchange` (queue, live and finished calls) → `phone` (the story of one call) →
`interpreter` (XML) → `courier` (signed callbacks). `callee` and `population` are the people,
`stream` → `stream_media` is a call's sound, `conversation` what its callee does in it, `speech` and
`recognition` the voices and ears of them all, `talks` who was heard when. `faults` what goes wrong
on demand, `ledger` the witness, `admin` the routes to all of these.
"""
