"""The text of each result: see ``spillover.show``."""

ANSWERS: dict[tuple[str, str], str] = {
    ("text", "spatial.explore._global:GlobalStatistic"): "spatial.report.explore:global_text",
    ("text", "spatial.explore._local:LocalStatistic"): "spatial.report.explore:local_text",
    ("text", "spatial.explore.by:MoranBy"): "spatial.report.explore:moran_by_text",
    ("text", "spatial.explore.correlogram:Correlogram"): "spatial.report.explore:correlogram_text",
    ("text", "spatial.explore.joincount:JoinCounts"): "spatial.report.explore:join_text",
    ("text", "spatial.explore.rates:SmoothedRates"): "spatial.report.explore:rates_text",
    ("text", "spatial.explore.transitions:LisaTransitions"): "spatial.report.explore:transitions_text",
    ("text", "spatial.indicators.convergence:SigmaConvergence"): "spatial.report.indicators:sigma_text",
    ("text", "spatial.indicators.convergence:BetaConvergence"): "spatial.report.indicators:beta_text",
    ("text", "spatial.indicators.density:Densities"): "spatial.report.indicators:densities_text",
    ("text", "spatial.indicators.envelopment:Efficiency"): "spatial.report.indicators:scores_text",
    ("text", "spatial.indicators.frontier:StochasticFrontier"): "spatial.report.indicators:frontier_text",
    ("text", "spatial.indicators.growth:GrowthTable"): "spatial.report.indicators:growth_text",
    ("text", "spatial.indicators.index:CompositeIndex"): "spatial.report.indicators:index_text",
    ("text", "spatial.indicators.inequality:Decomposition"): "spatial.report.indicators:inequality_text",
    ("text", "spatial.indicators.productivity:Productivity"): "spatial.report.indicators:productivity_text",
    ("text", "spatial.indicators.residual:GrowthAccounting"): "spatial.report.indicators:accounting_text",
    ("text", "spatial.indicators.transitions:Markov"): "spatial.report.indicators:markov_text",
    ("text", "spatial.indicators.transitions:SpatialMarkov"): "spatial.report.indicators:spatial_markov_text",
}
