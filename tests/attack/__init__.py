"""Hostile files, requests and moments: each must end in the right answer or in one clear line.

One file for each kind. A short run belongs to `make test`; the long ones, with the counts that the documents
name, are started by hand: `python -m tests.attack.run`. Everything stays on this machine, and every loop is
bounded in count and time.
"""
