"""Why a date slips: exact shares of stated factors in a stated value. Pure."""
