"""Previews of files: how a file is written, and which of its columns is which field, guessed from its first rows."""
