"""The border: files in their own conventions on one side, Volume on the other."""
