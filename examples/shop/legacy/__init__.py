"""The monolith that the migration starts from.

It is what such systems are: pages, JSON with names of another age, SOAP, exports and sockets in one program;
it writes its own host and port into redirects and cookies, and believes that it is the only one there is.
"""
