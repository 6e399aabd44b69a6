"""Reading one answer: from bytes to a document that can be compared and stored. Pure, bounded, hostile input expected.

```
codings      Content-Encoding off, streaming, stopped at a bound
media        what Content-Type says, normalised; which kind of document that is
charset      bytes to text: declared, BOM, meta, or the best guess
jsontext     JSON, exactly: no rounded number, no key that disappears, no unbounded depth
exact        numbers that neither a 64-bit integer nor a float can hold
markup       XML and SOAP elements as JSON values
hypertext    … and HTML in the same form
multipart    parts by name, read recursively
body         the way through all of the above: `read(answer, limits) -> Reading`
```

A document is a JSON value: what can be compared can be stored, mutated and shown with the same code.
"""
