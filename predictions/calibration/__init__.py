"""How good forecasts were, and how wide they have to be: scoring rules and own past errors. Pure."""
