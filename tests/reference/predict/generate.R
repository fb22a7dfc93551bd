# Predictions of spatialreg on columbus: in sample, and of four units that were left out.
#   python tests/reference/spatialreg/inputs.py /tmp/in && Rscript tests/reference/predict/generate.R /tmp/in > tests/reference/predict/results.json
suppressMessages({library(spdep); library(spatialreg); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
columbus <- read.csv(file.path(folder, "columbus.csv")); rownames(columbus) <- columbus$POLYID
links <- read.csv(file.path(folder, "columbus_w.csv")); n <- nrow(columbus)
B <- matrix(0, n, n, dimnames = list(rownames(columbus), rownames(columbus))); B[cbind(links$i, links$j)] <- 1
rows <- function(B) mat2listw(B / rowSums(B), row.names = rownames(B), style = "W")
f <- CRIME ~ INC + HOVAL
tight <- list(tol.opt = 1e-14)
models <- function(data, lw) list(
  sar = lagsarlm(f, data, lw, method = "eigen", control = tight),
  sdm = lagsarlm(f, data, lw, Durbin = TRUE, method = "eigen", control = tight),
  sem = errorsarlm(f, data, lw, method = "eigen", control = tight))
values <- function(p) as.list(setNames(as.numeric(p), attr(p, "region.id")))

# 1. In sample; TC and BP are for models with a lag.
whole <- rows(B)
inside <- lapply(models(columbus, whole), function(m) {
  kinds <- if (m$type == "error") c("TS", "trend") else c("TS", "trend", "TC", "BP")
  lapply(setNames(kinds, kinds), function(k) values(suppressMessages(predict(m, listw = whole, pred.type = k))))
})

# 2. Out of sample: KP5 is TS1 of an error model.
new <- c("10", "20", "30", "40"); old <- setdiff(rownames(columbus), new)
outside <- lapply(models(columbus[old, ], rows(B[old, old])), function(m) {
  kinds <- if (m$type == "error") c(TS1 = "KP5") else c(TS1 = "TS1", TC = "TC", BP = "BP", trend = "trend")
  lapply(kinds, function(k) values(suppressWarnings(
    predict(m, newdata = columbus[new, ], listw = whole, pred.type = k, legacy.mixed = FALSE))))
})
versions <- paste(R.version.string, "spatialreg", packageVersion("spatialreg"), "spdep", packageVersion("spdep"))
cat(toJSON(list(versions = versions, new = new, inside = inside, outside = outside), auto_unbox = TRUE, digits = 12, pretty = FALSE))
