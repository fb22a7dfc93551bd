"""The public estimators: ``ols slx sar sem sdm sdem sac``."""
