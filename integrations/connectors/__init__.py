"""One folder for each tool. Nothing here knows rows, tenants or Django: see the app's README, "Add a connector"."""
