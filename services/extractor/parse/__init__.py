"""From the bytes of one file to numbered pages of text.

`cage` is the door for the worker: it hands each file to a child process (`child`) that can do little else (`walls`). In
the child, `formats` looks at the bytes (`sniff`) and calls the one module that knows the format. Every file ends in
text or in a `DocumentFault`, never in silence.
"""
