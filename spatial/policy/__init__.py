"""What a policy did, at home and next door: difference-in-differences, mechanisms, thresholds, what-ifs."""
