# Reference results from spatialreg, spdep and plm on the shipped data.
#   python tests/reference/spatialreg/inputs.py /tmp/in && Rscript tests/reference/spatialreg/generate.R /tmp/in > tests/reference/spatialreg/results.json
suppressMessages({library(spdep); library(spatialreg); library(plm); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
table <- function(name) read.csv(file.path(folder, name), colClasses = NA)

dense <- function(name, n) { t <- table(name); W <- matrix(0, n, n); W[cbind(t$i, t$j)] <- t$w; W }
numbers <- function(fit, W, effects) {
  s <- summary(fit)
  out <- list(coef = as.list(coef(fit)), loglik = as.numeric(logLik(fit)), s2 = fit$s2)
  out$se <- as.list(c(fit$rest.se, rho = unname(fit$rho.se), lambda = unname(fit$lambda.se)))
  out
}
impacts_dense <- function(rho, beta, theta, W) {
  n <- nrow(W); A <- solve(diag(n) - rho * W)
  per <- function(b, t) { S <- A %*% (b * diag(n) + t * W); c(direct = mean(diag(S)), total = mean(rowSums(S))) }
  lapply(setNames(names(beta), names(beta)), function(v) as.list(per(beta[[v]], theta[[v]])))
}

# 1. Cross-section: columbus.
columbus <- table("columbus.csv"); W <- dense("columbus_w.csv", nrow(columbus)); lw <- mat2listw(W, style = "W")
f <- CRIME ~ INC + HOVAL
tight <- list(tol.opt = 1e-14)
lag <- lagsarlm(f, columbus, lw, method = "eigen", control = tight)
durbin <- lagsarlm(f, columbus, lw, Durbin = TRUE, method = "eigen", control = tight)
error <- errorsarlm(f, columbus, lw, method = "eigen", control = tight)
sac <- sacsarlm(f, columbus, lw, method = "eigen")
b <- coef(durbin)
lm_tests <- lm.LMtests(lm(f, columbus), lw, test = "all")
cross <- list(
  sar = numbers(lag), sdm = numbers(durbin), sem = numbers(error), sac = numbers(sac),
  impacts_sdm = impacts_dense(b[["rho"]], list(INC = b[["INC"]], HOVAL = b[["HOVAL"]]),
                              list(INC = b[["lag.INC"]], HOVAL = b[["lag.HOVAL"]]), W),
  lm = lapply(lm_tests, function(t) unname(t$statistic)))

# 2. Panel with fixed effects and no correction = the cross-section of demeaned, stacked data, W repeated.
panel <- table("panel.csv"); units <- unique(panel$state); years <- sort(unique(panel$year))
panel <- panel[order(panel$year, match(panel$state, units)), ]
N <- length(units); T <- length(years); W <- dense("states_w.csv", N)
big <- mat2listw(kronecker(diag(T), W), style = "W")
data <- data.frame(lgsp = log(panel$gsp), lpcap = log(panel$pcap), lpc = log(panel$pc), lemp = log(panel$emp), unemp = panel$unemp)
within <- function(x, effects) {
  m <- matrix(x, N, T)
  if (effects %in% c("entity", "twoway")) m <- m - rowMeans(m)
  if (effects %in% c("time", "twoway")) m <- t(t(m) - colMeans(m))
  as.vector(m)
}
lagged <- function(x) as.vector(W %*% matrix(x, N, T))
panel_fits <- list()
for (effects in c("entity", "twoway")) {
  d <- as.data.frame(lapply(data, within, effects = effects))
  wx <- as.data.frame(lapply(data[-1], function(x) within(lagged(x), effects))); names(wx) <- paste0("w_", names(wx))
  d <- cbind(d, wx)
  g <- lgsp ~ 0 + lpcap + lpc + lemp + unemp + w_lpcap + w_lpc + w_lemp + w_unemp
  fit <- lagsarlm(g, d, big, method = "eigen", control = tight)
  panel_fits[[effects]] <- numbers(fit)
}

# 3. Panel without spatial terms.
p <- pdata.frame(cbind(panel[c("state", "year")], data), index = c("state", "year"))
h <- lgsp ~ lpcap + lpc + lemp + unemp
fixed <- plm(h, p, model = "within"); random <- plm(h, p, model = "random")
plain <- list(random = as.list(coef(random)), random_se = as.list(sqrt(diag(vcov(random)))),
              entity_se = as.list(sqrt(diag(vcov(fixed)))), hausman = unname(phtest(fixed, random)$statistic))

versions <- sapply(c("spdep", "spatialreg", "plm"), function(x) as.character(packageVersion(x)))
cat(toJSON(list(versions = as.list(c(R = as.character(getRversion()), versions)), columbus = cross, panel = panel_fits, plm = plain),
           digits = 15, auto_unbox = TRUE, pretty = TRUE))
