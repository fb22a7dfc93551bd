"""One module per family of files; each has ``read(path, ids=None)`` and ``write(w, path)``."""
