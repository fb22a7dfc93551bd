"""How much results depend on W, and which W the data support.

``compare_weights`` fits models under many W; ``tune_weights`` and ``mix_weights`` search among them;
``specification_curve`` and ``placebo_weights`` show how far a conclusion depends on the choice.
"""
