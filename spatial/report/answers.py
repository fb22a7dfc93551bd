"""The text of each result: see ``spillover.show``."""

ANSWERS: dict[tuple[str, str], str] = {
    ("text", "spatial.explore._global:GlobalStatistic"): "spatial.report.explore:global_text",
    ("text", "spatial.explore._local:LocalStatistic"): "spatial.report.explore:local_text",
    ("text", "spatial.explore.by:MoranBy"): "spatial.report.explore:moran_by_text",
    ("text", "spatial.explore.correlogram:Correlogram"): "spatial.report.explore:correlogram_text",
    ("text", "spatial.explore.joincount:JoinCounts"): "spatial.report.explore:join_text",
    ("text", "spatial.explore.rates:SmoothedRates"): "spatial.report.explore:rates_text",
    ("text", "spatial.explore.transitions:LisaTransitions"): "spatial.report.explore:transitions_text",
}
