"""Composition root: settings, urls, router, admin site and pipeline; imports every app and is imported by none."""
