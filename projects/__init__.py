"""The record of the work: projects, their people and goals, and every fact read from a team's tools."""
