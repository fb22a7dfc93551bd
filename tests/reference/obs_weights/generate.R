# Weights of observations: spatialreg's errorsarlm and lmSLX take them, lm and sandwich too. lagsarlm and sacsarlm do
# not: they are given the model whose errors have one variance, sqrt(w) y on sqrt(w) X with D W D^-1, D = diag(sqrt(w)),
# whose log-likelihood is that of y less sum(log(w)) / 2.
#   python tests/reference/spatialreg/inputs.py /tmp/in && Rscript tests/reference/obs_weights/generate.R /tmp/in > tests/reference/obs_weights/results.json
suppressMessages({library(spdep); library(spatialreg); library(sandwich); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
table <- function(name) read.csv(file.path(folder, name), colClasses = NA)
columbus <- table("columbus.csv"); t <- table("columbus_w.csv"); n <- nrow(columbus)
W <- matrix(0, n, n); W[cbind(t$i, t$j)] <- t$w; lw <- mat2listw(W, style = "W")
columbus$size <- columbus$PERIMETER^2
f <- CRIME ~ INC + HOVAL
tight <- list(tol.opt = 1e-14)
numbers <- function(fit, shift = 0) {
  summary(fit)
  list(coef = as.list(coef(fit)), loglik = as.numeric(logLik(fit)) + shift, s2 = fit$s2,
       se = as.list(c(fit$rest.se, rho = unname(fit$rho.se), lambda = unname(fit$lambda.se))))
}

sem <- errorsarlm(f, columbus, lw, weights = size, method = "eigen", control = tight)
sdem <- errorsarlm(f, columbus, lw, weights = size, Durbin = TRUE, method = "eigen", control = tight)
slx <- lmSLX(f, columbus, lw, weights = size)
ols <- lm(f, columbus, weights = size)
least <- function(fit) list(coef = as.list(coef(fit)), se = as.list(sqrt(diag(vcov(fit)))),
  hc1 = as.list(sqrt(diag(vcovHC(fit, "HC1")))), loglik = as.numeric(logLik(fit)), s2 = summary(fit)$sigma^2,
  r2 = summary(fit)$r.squared)

root <- sqrt(columbus$size)
star <- mat2listw(root * t(t(W) / root), style = "M")
X <- model.matrix(f, columbus)
d <- data.frame(y = root * columbus$CRIME, one = root, INC = root * X[, "INC"], HOVAL = root * X[, "HOVAL"],
                w_INC = root * (W %*% X[, "INC"]), w_HOVAL = root * (W %*% X[, "HOVAL"]))
shift <- sum(log(columbus$size)) / 2
sar <- lagsarlm(y ~ 0 + one + INC + HOVAL, d, star, method = "eigen", control = tight)
sdm <- lagsarlm(y ~ 0 + one + INC + HOVAL + w_INC + w_HOVAL, d, star, method = "eigen", control = tight)
sac <- sacsarlm(y ~ 0 + one + INC + HOVAL, d, star, method = "eigen")

versions <- list(R = paste(R.version$major, R.version$minor, sep = "."), spdep = as.character(packageVersion("spdep")),
                 spatialreg = as.character(packageVersion("spatialreg")), sandwich = as.character(packageVersion("sandwich")))
cat(toJSON(list(versions = versions, ols = least(ols), slx = list(coef = as.list(coef(slx)), se = as.list(sqrt(diag(vcov(slx))))), sem = numbers(sem),
                sdem = numbers(sdem), sar = numbers(sar, shift), sdm = numbers(sdm, shift), sac = numbers(sac, shift),
                residuals_sem = unname(residuals(sem))), auto_unbox = TRUE, digits = 15, pretty = TRUE), "\n")
