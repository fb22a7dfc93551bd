"""The regional study: boundaries, a panel and weights go in; a report, tables, figures and a map come out.

``question`` says what is asked, ``file`` reads it from a .toml, ``chapters`` lists the steps there are (one function
each), ``run`` goes through them and ``write`` leaves the files.
"""
