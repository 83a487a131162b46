"""Questions asked of the record; nothing here writes."""
