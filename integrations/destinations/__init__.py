"""How each kind of destination is reached: its address checked, its words made, the sending itself. No rows here."""
