"""From what was found to what people are told: warnings at once, overdue actions once, the rest in a digest.

The last step of sync → forecast → detect → notify. It writes messages and nothing else: they are sent by jobs of their
own, so that no place that does not answer holds up an analysis.
"""
