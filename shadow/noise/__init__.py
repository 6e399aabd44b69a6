"""Telling a regression from what moves by itself, by asking legacy twice.

`evalue` holds the test: new is held against a second answer of legacy, so that noise cancels out.
"""
