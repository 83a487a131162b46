"""What people are told outside of these pages, and how each place wants it written. Pure: no rows, no clock."""
