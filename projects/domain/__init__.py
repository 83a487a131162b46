"""What is done with the record of the work: writes that name their actor and moment, and the questions asked of it."""
