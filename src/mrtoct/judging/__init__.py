"""Judging synthetic CTs of any origin: files, folders of files, or bundles on a prepared store."""
