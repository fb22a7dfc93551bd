# Swamy and Arora's random effects of plm on Produc with entry, exit and holes: k is ten times the unemployment of 1970;
# states enter k %% 5 years late, leave k %% 4 years early, and some lack 1978. Run: Rscript generate.R
suppressPackageStartupMessages({library(plm); library(jsonlite)})
data("Produc", package = "plm")
first <- Produc[Produc$year == 1970, ]
Produc$k <- round(10 * first$unemp[match(Produc$state, first$state)])
keep <- with(Produc, year >= 1970 + k %% 5 & year <= 1986 - k %% 4 & !(k %% 7 == 0 & year == 1978))
f <- log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp
P <- pdata.frame(Produc[keep, ], index = c("state", "year"))
values <- function(m) list(coef = as.list(coef(m)), se = as.list(sqrt(diag(vcov(m)))))
random <- function(formula) {
  m <- plm(formula, P, model = "random", random.method = "swar")
  e <- ercomp(m)
  c(values(m), list(sigma2 = as.list(e$sigma2), theta = range(e$theta)))
}
iv <- log(gsp) ~ log(pcap) + log(pc) + log(emp) + unemp | log(hwy) + log(water) + log(pc) + log(emp) + unemp
out <- list(rows = sum(keep), swar = random(f), iv = random(iv), within = values(plm(f, P, model = "within")),
  hausman = unname(phtest(f, P)$statistic),
  versions = list(R = R.version.string, plm = as.character(packageVersion("plm"))))
write_json(out, "results.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
