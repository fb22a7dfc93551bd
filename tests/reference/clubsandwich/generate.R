# Clustered covariances of clubSandwich on Munnell's panel: pooled and within, CR0, CR1S and CR3.
#   python tests/reference/spatialreg/inputs.py /tmp/in && Rscript tests/reference/clubsandwich/generate.R /tmp/in > tests/reference/clubsandwich/results.json
suppressMessages({library(plm); library(clubSandwich); library(jsonlite)})
panel <- read.csv(file.path(commandArgs(TRUE)[1], "panel.csv"))
f <- log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp
pooled <- lm(f, panel)
within <- plm(f, pdata.frame(panel, index = c("state", "year")), model = "within")
errors <- function(fit, cluster) sapply(c("CR0", "CR1S", "CR3"), function(type)
  as.list(sqrt(diag(vcovCR(fit, cluster = cluster, type = type)))), simplify = FALSE)
versions <- sapply(c("clubSandwich", "plm"), function(x) as.character(packageVersion(x)))
cat(toJSON(list(versions = as.list(c(R = as.character(getRversion()), versions)),
                pooled = errors(pooled, panel$state), within = errors(within, "individual")),
           digits = 15, auto_unbox = TRUE, pretty = TRUE))
