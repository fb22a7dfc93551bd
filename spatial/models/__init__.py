"""The public estimators, one file each; ``family`` says which specification belongs to which."""

NAMES = ("ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns")  # read by spatial, the shell and study files
