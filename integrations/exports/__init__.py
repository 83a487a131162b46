"""What tools give to people who ask them for a file: one module for each tool, and no request to anybody.

A file of a tool's interface (JSON) goes through the same mapping as the interface itself, so that both make the same
rows. A table goes through `projects.imports`, under a profile that names its columns. Pure, like the connectors.
"""
