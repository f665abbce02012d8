"""The far end of every socket: a server that speaks our vendors' wire protocols on loopback.

It knows nothing of the product and shares no code with it, so it can bear witness against it.
"""
