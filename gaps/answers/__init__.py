"""Answers that people ask for over many projects: what to do first, and how everything stands."""
