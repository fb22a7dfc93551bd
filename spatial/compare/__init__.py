"""How much depends on W, and which W do the data want?

``compare_weights`` fits models under many W; ``tune_weights`` and ``mix_weights`` search among them;
``specification_curve`` and ``placebo_weights`` say how far a conclusion rests on the choice.
"""
