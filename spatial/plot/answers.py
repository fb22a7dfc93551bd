"""The figure of each result: see ``spillover.show``."""

ANSWERS: dict[tuple[str, str], str] = {
    ("plot", "spatial.explore._global:GlobalStatistic"): "spatial.plot.explore:null_distribution",
    ("plot", "spatial.explore._local:LocalStatistic"): "spatial.plot.explore:local_map",
    ("plot", "spatial.explore.by:MoranBy"): "spatial.plot.explore:moran_by_period",
    ("plot", "spatial.explore.correlogram:Correlogram"): "spatial.plot.explore:correlogram_lines",
    ("plot", "spatial.explore.joincount:JoinCounts"): "spatial.plot.explore:joins",
    ("plot", "spatial.explore.moran:Moran"): "spatial.plot.explore:moran_scatter",
    ("plot", "spatial.explore.rates:SmoothedRates"): "spatial.plot.explore:shrinkage",
    ("plot", "spatial.explore.transitions:LisaTransitions"): "spatial.plot.explore:quadrant_moves",
    ("save", "spatial.explore._local:LocalStatistic"): "spatial.plot.layer:write",
    ("explore", "spatial.explore._local:LocalStatistic"): "spatial.plot.layer:web_map",
}
