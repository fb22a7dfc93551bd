"""Results in files: a fit, its effects, a comparison of W as parquet and JSON, in a folder or a zip. No code is stored.

``saving`` writes the data, the weights and the options that a result came from, with its numbers; ``loading`` estimates
it again and compares.
"""
