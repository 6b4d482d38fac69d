"""The RIRE project's head scans: what exists, how to fetch it, how to write the same layout."""
