"""The trained translators that come with the package, one folder each."""
