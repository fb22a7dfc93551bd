# Coverage of spatialreg's 95 % intervals on the samples that tests/montecarlo/spatialreg.py wrote:
#   Rscript spatialreg.R FOLDER > spatialreg.csv
# FOLDER has one folder per cell with W.csv, data.csv (sample, y, x1, ...) and cell.csv (model, measure, truth).
suppressMessages(library(spatialreg))
suppressMessages(library(spdep))
set.seed(1)
cat(sprintf("# R %s, spatialreg %s\n", getRversion(), packageVersion("spatialreg")))
cat("cell,measure,samples,hits\n")
for (folder in list.dirs(commandArgs(TRUE)[1], recursive = FALSE)) {
  W <- as.matrix(read.csv(file.path(folder, "W.csv"), header = FALSE))
  dimnames(W) <- NULL
  listw <- mat2listw(W, style = "W")
  trMC <- trW(as(W, "CsparseMatrix"), m = 100)
  data <- read.csv(file.path(folder, "data.csv"))
  cell <- read.csv(file.path(folder, "cell.csv"))
  model <- cell$model[1]
  formula <- reformulate(grep("^x", names(data), value = TRUE), "y")
  hits <- setNames(rep(0, nrow(cell)), cell$measure)
  count <- 0
  for (s in unique(data$sample)) {
    d <- data[data$sample == s, ]
    fit <- tryCatch(switch(model,
      sar = lagsarlm(formula, d, listw), sdm = lagsarlm(formula, d, listw, Durbin = TRUE),
      sem = errorsarlm(formula, d, listw), sac = sacsarlm(formula, d, listw)), error = function(e) NULL)
    if (is.null(fit)) next
    count <- count + 1
    z <- qnorm(0.975)
    ends <- list(beta = coef(fit)["x1"] + c(-z, z) * fit$rest.se["x1"])
    if (model != "sem") ends$rho <- fit$rho + c(-z, z) * fit$rho.se
    if (model %in% c("sem", "sac")) ends$lambda <- fit$lambda + c(-z, z) * fit$lambda.se
    if (model != "sem") {
      draws <- impacts(fit, tr = trMC, R = 1000)$sres
      for (kind in c("direct", "indirect", "total")) ends[[kind]] <- quantile(draws[[kind]][, 1], c(0.025, 0.975))
    }
    for (m in names(hits)) {
      truth <- cell$truth[cell$measure == m]
      hits[m] <- hits[m] + (ends[[m]][1] <= truth && truth <= ends[[m]][2])
    }
  }
  for (m in names(hits)) cat(sprintf("%s,%s,%d,%d\n", basename(folder), m, count, hits[m]))
}
