"""From what analyses stored to the plots of a page: bounded queries, plain words, no arithmetic of their own.

What an older version of the code stored, or what it could not say, becomes an Absence: a reason and a step instead of
an empty plot.
"""
