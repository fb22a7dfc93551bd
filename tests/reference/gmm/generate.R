# Method of moments and second weights from spatialreg on the shipped columbus.
#   python tests/reference/spatialreg/inputs.py /tmp/in && Rscript tests/reference/gmm/generate.R /tmp/in > tests/reference/gmm/results.json
suppressMessages({library(spdep); library(spatialreg); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
table <- function(name) read.csv(file.path(folder, name), colClasses = NA)
columbus <- table("columbus.csv"); links <- table("columbus_w.csv"); n <- nrow(columbus)
W <- matrix(0, n, n); W[cbind(links$i, links$j)] <- links$w
# Neighbors of the first or second order, row-standardised.
M <- (W + W %*% W > 0) * 1; diag(M) <- 0; M <- M / rowSums(M)
lw <- mat2listw(W, style = "W"); lm2 <- mat2listw(M, style = "W")
f <- CRIME ~ INC + HOVAL

moments <- function(fit, se) { b <- coef(fit); list(coef = as.list(b), se = as.list(setNames(se, names(b)[seq_along(se)]))) }
stsls_case <- function(...) { fit <- stsls(f, columbus, lw, ...); c(moments(fit, sqrt(diag(fit$var))), list(sigma2 = fit$sse / fit$df)) }
gm <- GMerrorsar(f, columbus, lw, control = list(rel.tol = 1e-13)); sac <- gstsls(f, columbus, lw, control = list(rel.tol = 1e-13))
sac2 <- gstsls(f, columbus, lw, lm2, control = list(rel.tol = 1e-13))

likelihood <- function(fit) list(coef = as.list(coef(fit)), loglik = as.numeric(logLik(fit)), s2 = fit$s2,
  se = as.list(c(fit$rest.se, rho = unname(fit$rho.se), lambda = unname(fit$lambda.se))))
out <- list(
  stsls = stsls_case(), stsls_HC0 = stsls_case(robust = TRUE, HC = "HC0"), stsls_HC1 = stsls_case(robust = TRUE, HC = "HC1"),
  gmerror = c(moments(gm, gm$rest.se), list(sigma2 = gm$s2)), gstsls = c(moments(sac, sac$rest.se), list(sigma2 = sac$s2)),
  gstsls_M = c(moments(sac2, sac2$rest.se), list(sigma2 = sac2$s2)),
  gns = likelihood(sacsarlm(f, columbus, lw, Durbin = TRUE, method = "eigen")),
  sac_M = likelihood(sacsarlm(f, columbus, lw, lm2, method = "eigen")),
  gns_M = likelihood(sacsarlm(f, columbus, lw, lm2, Durbin = TRUE, method = "eigen")))
versions <- sapply(c("spdep", "spatialreg"), function(x) as.character(packageVersion(x)))
cat(toJSON(c(list(versions = as.list(c(R = as.character(getRversion()), versions))), out), digits = 15, auto_unbox = TRUE, pretty = TRUE))
