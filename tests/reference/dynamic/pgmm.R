# Arellano-Bond by plm::pgmm on the balanced part of EmplUK. Writes pgmm.json and empluk.csv beside this script.
library(plm); library(jsonlite)
data("EmplUK", package = "plm")
years <- 1977:1982
keep <- names(which(table(EmplUK$firm[EmplUK$year %in% years]) == length(years)))
d <- EmplUK[EmplUK$firm %in% keep & EmplUK$year %in% years, c("firm", "year", "emp", "wage", "capital")]
write.csv(d, "empluk.csv", row.names = FALSE, quote = FALSE)
p <- pdata.frame(d, index = c("firm", "year"))
f <- log(emp) ~ lag(log(emp), 1) + log(wage) + log(capital) | lag(log(emp), 2:99)
one <- function(model, effect, collapse, data = p, formula = f) {
  fit <- pgmm(formula, data = data, effect = effect, model = model, transformation = "d", collapse = collapse)
  V <- vcovHC(fit)
  list(coef = as.list(coef(fit)), se = as.list(sqrt(diag(V))), se_plain = as.list(sqrt(diag(vcov(fit)))),
       sargan = unname(sargan(fit)$statistic), df = unname(sargan(fit)$parameter),
       ar = c(unname(mtest(fit, order = 1, vcov = V)$statistic), unname(mtest(fit, order = 2, vcov = V)$statistic)))
}
g <- log(emp) ~ lag(log(emp), 1) + log(wage) + log(capital) | lag(log(emp), 2:3)
out <- list(versions = paste(R.version.string, "plm", packageVersion("plm")),
  onestep = one("onestep", "individual", FALSE), twosteps = one("twosteps", "individual", FALSE),
  collapsed = one("twosteps", "individual", TRUE), depth2 = one("twosteps", "individual", FALSE, formula = g))
write_json(out, "pgmm.json", digits = 12, auto_unbox = TRUE, pretty = TRUE)
