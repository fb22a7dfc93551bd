"""Effects: what a regressor does at home and to everyone else; on average, by group, by period, in the long run."""
