"""What is done without anybody waiting for it: reading tools, analysing projects, first replays."""
