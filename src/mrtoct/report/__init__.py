"""Showing results: tables for the terminal, figures, and one self-contained page."""
