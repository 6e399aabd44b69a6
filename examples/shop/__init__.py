"""A shop half-way through a migration: the example that `make demo` runs.

`legacy` is the monolith, `customers` and `orders` are the new services, `visitors` are its clients and
`demo` starts them all behind the proxy.
"""
