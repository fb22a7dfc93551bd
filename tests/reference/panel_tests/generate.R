# Panel tests of plm on Produc, and xtserial by hand. The local CD test needs splm's usaww as links i, j, w by
# position of the states (the queen contiguity that load("us_states") gives). Run: Rscript generate.R USAWW.csv
suppressPackageStartupMessages({library(plm); library(jsonlite); library(sandwich)})
links <- read.csv(commandArgs(TRUE)[1])
data("Produc", package = "plm")
Produc <- transform(Produc, ly = log(gsp), l1 = log(pcap), l2 = log(pc), l3 = log(emp))
f <- ly ~ l1 + l2 + l3 + unemp
p <- pdata.frame(Produc, index = c("state", "year"))
n <- length(unique(Produc$state))
W <- matrix(0, n, n, dimnames = list(unique(as.character(Produc$state)), unique(as.character(Produc$state))))
W[cbind(links$i, links$j)] <- links$w
test <- function(t) list(statistic = unname(t$statistic), p = unname(t$p.value), df = as.list(t$parameter))
fe <- plm(f, p, model = "within"); tw <- plm(f, p, model = "within", effect = "twoways"); po <- plm(f, p, model = "pooling")

# Stata's xtserial: first differences and the residuals' autoregression without constants, clustered by state
d <- do.call(rbind, lapply(split(Produc, Produc$state), function(s) data.frame(
  state = s$state[-1], y = diff(s$ly), l1 = diff(s$l1), l2 = diff(s$l2), l3 = diff(s$l3), u = diff(s$unemp))))
d$e <- resid(lm(y ~ l1 + l2 + l3 + u - 1, d))
a <- do.call(rbind, lapply(split(d, d$state), function(s) data.frame(state = s$state[-1], e = s$e[-1], b = s$e[-nrow(s)])))
m <- lm(e ~ b - 1, a)
xtserial <- unname((coef(m) + 0.5)^2 / vcovCL(m, cluster = a$state, type = "HC1")[1, 1])

out <- list(xtserial = xtserial,
 versions = list(R = R.version.string, plm = as.character(packageVersion("plm"))),
  ar_fe = test(pwartest(fe)), fd_fd = test(pwfdtest(f, p, h0 = "fd")), fd_fe = test(pwfdtest(f, p, h0 = "fe")),
  bg1_fe = test(pbgtest(fe, order = 1)),
  cd_fe = test(pcdtest(fe, "cd")), cd_tw = test(pcdtest(tw, "cd")), cd_po = test(pcdtest(po, "cd")),
  lm_fe = test(pcdtest(fe, "lm")), sclm_fe = test(pcdtest(fe, "sclm")),
  cd_local = test(pcdtest(fe, "cd", w = W)),
  hausman = test(phtest(f, p)), aux = test(phtest(f, p, method = "aux")),
  aux_hc = test(phtest(f, p, method = "aux", vcov = function(x) vcovHC(x, method = "arellano", type = "HC0"))),
  bp = test(plmtest(po, type = "bp")), honda = test(plmtest(po, type = "honda")),
  bsy_joint = test(pbsytest(po, test = "j")))
write_json(out, "results.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
