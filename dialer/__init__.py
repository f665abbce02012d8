"""dialer: an outbound campaign dialer that is lawful by proof and never rings twice."""

__version__ = "0.1.0"
