"""The command line: arguments in, one function of the product called, a result printed."""
