"""What this package does for weights that ask by verb: see ``spillover.show``."""

WEIGHTS = "spillover.matrix.weights:SpatialWeights"

ANSWERS = {
    ("save", WEIGHTS): "weights.io:save",
    ("describe", WEIGHTS): "weights.describe:describe",
    ("plot", WEIGHTS): "weights.plot:plot",
    ("explore", WEIGHTS): "weights.web:explore",
}
