"""The tenant kernel: context, transport, compiler, policies, keys and roles.

It imports nothing of ours, and everything of ours stands on it.  See ``README.md`` beside this file.
"""
