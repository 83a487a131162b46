"""What forecasts start from before a team or its tenant has a record: files that ship, and how each was made.

Every file says on what it was fitted. `manage.py build_prior` writes them anew, the same to the last digit.
"""
