# Insurance (103 Italian provinces, 1998-2002) and RiceFarms (171 Indonesian farms, six seasons) by splm: fixed and
# random effects, lag and error, and the tests of Baltagi, Song, Jung & Koh. The data come with splm (GPL-2) and are
# not kept here, only what splm makes of them.
#
#   Rscript generate.R > results.json
suppressMessages({library(splm); library(spdep); library(jsonlite)})
data(Insurance, package = "splm"); data(RiceFarms, package = "splm")
data(itaww, package = "splm"); data(riceww, package = "splm")

insurance <- log(ppcd) ~ log(rgdp) + log(bank) + log(den) + rirs + agen + school + vaagr + fam
rice <- log(goutput) ~ log(seed) + log(totlabor) + log(size)

told <- function(fit) {
  b <- coef(fit)
  se <- sqrt(diag(vcov(fit)))
  out <- list(coefficients = as.list(b), sigma2 = fit$sigma2)
  if (length(se) == length(b)) out$std_errors <- as.list(setNames(se, names(b)))
  if (!is.null(fit$logLik)) out$loglik <- as.numeric(fit$logLik)
  if (!is.null(fit$errcomp)) out$errcomp <- as.list(fit$errcomp)
  if (!is.null(fit$arcoef)) out$arcoef <- as.list(fit$arcoef)
  out
}

sets <- list(insurance = list(insurance, Insurance, mat2listw(itaww, style = "W"), c("code", "year")),
             rice = list(rice, RiceFarms, mat2listw(riceww, style = "W"), c("id", "time")))
answer <- list(versions = list(R = R.version.string, splm = as.character(packageVersion("splm")),
                               spatialreg = as.character(packageVersion("spatialreg"))))
for (name in names(sets)) {
  s <- sets[[name]]
  fixed <- list()
  for (effect in c("individual", "twoways")) {
    fixed[[paste("lag", effect)]] <- told(spml(s[[1]], s[[2]], index = s[[4]], listw = s[[3]], model = "within",
      effect = effect, lag = TRUE, spatial.error = "none"))
    fixed[[paste("error", effect)]] <- told(spml(s[[1]], s[[2]], index = s[[4]], listw = s[[3]], model = "within",
      effect = effect, lag = FALSE, spatial.error = "b"))
  }
  random <- list()
  for (error in c("b", "kkp")) random[[paste("error", error)]] <- told(spml(s[[1]], s[[2]], index = s[[4]],
      listw = s[[3]], model = "random", lag = FALSE, spatial.error = error))
  random[["lag"]] <- told(spml(s[[1]], s[[2]], index = s[[4]], listw = s[[3]], model = "random", lag = TRUE,
      spatial.error = "none"))
  tests <- list()
  for (test in c("C.1", "C.2", "C.3", "J")) {
    t <- bsjktest(s[[1]], s[[2]], index = s[[4]], listw = s[[3]], test = test)
    tests[[test]] <- list(statistic = as.numeric(t$statistic), df = as.numeric(t$parameter), p = as.numeric(t$p.value),
                          alternative = t$alternative, method = t$method)
  }
  answer[[name]] <- list(fixed = fixed, random = random, bsjk = tests)
}
cat(toJSON(answer, auto_unbox = TRUE, digits = 12, pretty = TRUE, null = "null"), "\n")
