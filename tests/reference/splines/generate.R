# B-splines and natural splines of base R, in and beyond the sample:
#   Rscript tests/reference/splines/generate.R > tests/reference/splines/results.json
suppressMessages({library(splines); library(jsonlite)})
set.seed(3)
x <- round(runif(25, 1, 9), 3)
new <- c(0.5, 3.3, 10.2)
bases <- list(bs_3 = bs(x, df = 3), bs_5 = bs(x, df = 5), ns_1 = ns(x, df = 1), ns_3 = ns(x, df = 3))
plain <- function(basis) matrix(as.numeric(basis), nrow = nrow(basis))
inside <- lapply(bases, plain)
outside <- lapply(bases, function(basis) plain(suppressWarnings(predict(basis, new))))
versions <- list(R = as.character(getRversion()), splines = as.character(packageVersion("splines")))
cat(toJSON(list(versions = versions, x = x, new = new, inside = inside, outside = outside), digits = 15,
           auto_unbox = TRUE))
