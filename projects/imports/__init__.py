"""Files people upload, read into observations: pure, streaming, and never half an item."""
