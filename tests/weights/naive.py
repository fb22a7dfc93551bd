"""The obvious dense version of each builder: loops over pairs, nothing clever. Returns (n, n) arrays."""

import collections
import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

R = 6371.0088


def pairs(n, weight):
    """Fill w[i, j] = weight(i, j) off the diagonal."""
    w = np.zeros((n, n))
    for i, j in itertools.permutations(range(n), 2):
        w[i, j] = weight(i, j)
    return w


def planar(xy):
    return pairs(len(xy), lambda i, j: math.dist(xy[i], xy[j]))


def haversine(lonlat):
    """Great-circle kilometres by the haversine formula."""
    lon, lat = np.radians(np.asarray(lonlat, float)).T

    def distance(i, j):
        h = (math.sin((lat[i] - lat[j]) / 2) ** 2
             + math.cos(lat[i]) * math.cos(lat[j]) * math.sin((lon[i] - lon[j]) / 2) ** 2)
        return 2 * R * math.asin(min(1.0, math.sqrt(h)))

    return pairs(len(lon), distance)


def vertices(shape):
    return {tuple(p) for p in shapely.get_coordinates(shape)}


def edges(shape):
    out = set()
    for ring in shapely.get_rings(shapely.get_parts(shape)):
        p = [tuple(c) for c in shapely.get_coordinates(ring)]
        out |= {frozenset(e) for e in itertools.pairwise(p) if e[0] != e[1]}
    return out


def queen(shapes):
    seen = [vertices(s) for s in shapes]
    return pairs(len(shapes), lambda i, j: bool(seen[i] & seen[j]))


def rook(shapes):
    seen = [edges(s) for s in shapes]
    return pairs(len(shapes), lambda i, j: bool(seen[i] & seen[j]))


def edges_once(shapes):
    """Edges that occur once among all rings, with the polygon that has them."""
    every = [(e, i) for i, s in enumerate(shapes) for e in edges(s)]
    count = collections.Counter(e for e, _ in every)
    return {(e, i) for e, i in every if count[e] == 1}


def touching(shapes):
    """By GEOS: they have a point in common."""
    return pairs(len(shapes), lambda i, j: shapes[i].intersects(shapes[j]))


def adjoining(shapes):
    """By GEOS: they have a stretch of border, or area, in common."""
    return pairs(len(shapes), lambda i, j: shapes[i].intersection(shapes[j]).length > 0)


def common_length(shapes):
    """By GEOS: length of what borders have in common."""
    return pairs(len(shapes), lambda i, j: shapes[i].boundary.intersection(shapes[j].boundary).length)


def border_length(shapes):
    seen = [edges(s) for s in shapes]
    return pairs(len(shapes), lambda i, j: sum(math.dist(*tuple(e)) for e in seen[i] & seen[j]))


def knn(distance, k, ids):
    """Sort the others by distance (ten digits), then by id."""
    w = np.zeros_like(distance)
    for i in range(len(w)):
        others = [j for j in range(len(w)) if j != i]
        others.sort(key=lambda j: (float(f"{distance[i, j]:.9e}"), ids[j]))
        w[i, others[:k]] = 1
    return w


def gabriel(xy):
    xy = np.asarray(xy, float)

    def empty(i, j):
        centre, radius = (xy[i] + xy[j]) / 2, math.dist(xy[i], xy[j]) / 2
        return all(math.dist(xy[k], centre) > radius * (1 + 1e-9) for k in range(len(xy)) if k not in (i, j))

    return pairs(len(xy), empty)


def relative_neighbor(d):
    def empty(i, j):
        return not any(max(d[i, k], d[j, k]) < d[i, j] * (1 - 1e-9) for k in range(len(d)) if k not in (i, j))

    return pairs(len(d), empty)


def sphere_of_influence(d):
    r = [min(d[i, j] for j in range(len(d)) if j != i) for i in range(len(d))]
    return pairs(len(d), lambda i, j: d[i, j] <= (r[i] + r[j]) * (1 + 1e-9))


def delaunay(xy):
    """i and j share an edge when some circle through them and a third point is empty (general position)."""
    xy = np.asarray(xy, float)
    w = np.zeros((len(xy), len(xy)))
    for trio in itertools.combinations(range(len(xy)), 3):
        (ax, ay), (bx, by), (cx, cy) = xy[list(trio)]
        twice = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
        ux = ((ax**2 + ay**2) * (by - cy) + (bx**2 + by**2) * (cy - ay) + (cx**2 + cy**2) * (ay - by)) / twice
        uy = ((ax**2 + ay**2) * (cx - bx) + (bx**2 + by**2) * (ax - cx) + (cx**2 + cy**2) * (bx - ax)) / twice
        radius = math.dist((ux, uy), (ax, ay))
        if all(math.dist((ux, uy), xy[k]) > radius for k in range(len(xy)) if k not in trio):
            for i, j in itertools.permutations(trio, 2):
                w[i, j] = 1
    return w


def kernel(d, shape, h):
    """h is (n,): the bandwidth of each row."""
    forms = {
        "triangular": lambda z: 1 - z if z < 1 else 0,
        "epanechnikov": lambda z: 0.75 * (1 - z**2) if z < 1 else 0,
        "quartic": lambda z: 15 / 16 * (1 - z**2) ** 2 if z < 1 else 0,
        "bisquare": lambda z: (1 - z**2) ** 2 if z < 1 else 0,
        "gaussian": lambda z: math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) if z <= 8 else 0,
    }
    return pairs(len(d), lambda i, j: forms[shape](d[i, j] / h[i]))


def steps(w):
    """Number of links between units (Floyd and Warshall); inf where there is no way."""
    d = np.where(w > 0, 1.0, np.inf)
    np.fill_diagonal(d, 0)
    for k in range(len(d)):
        d = np.minimum(d, d[:, [k]] + d[[k], :])
    return d


def lattice(rows, columns, rule):
    def near(i, j):
        dr, dc = abs(i // columns - j // columns), abs(i % columns - j % columns)
        return {"rook": dr + dc == 1, "bishop": dr == dc == 1, "queen": max(dr, dc) == 1}[rule]

    return pairs(rows * columns, near)


def standardized(w, style):
    w = np.array(w, float)
    sums = w.sum(axis=1)
    if style == "row":
        return np.array([row / s if s else row for row, s in zip(w, sums)])
    if style == "spectral":
        return w / np.abs(np.linalg.eigvals(w)).max()
    if style == "minmax":
        return w / min(w.sum(axis=1).max(), w.sum(axis=0).max())
    if style == "double":
        return w / w.sum()
    q = np.array([row / math.sqrt((row**2).sum()) if row.any() else row for row in w])
    return q * (w.any(axis=1).sum() / q.sum())


def mahalanobis(x):
    inverse = np.linalg.inv(np.cov(np.asarray(x, float), rowvar=False))
    return pairs(len(x), lambda i, j: math.sqrt((x[i] - x[j]) @ inverse @ (x[i] - x[j])))


def similarity(profiles):
    r = np.corrcoef(np.asarray(profiles, float))
    return pairs(len(r), lambda i, j: max(0.0, r[i, j]))


def of_links(links, ids, value, *, focal, other):
    """value(size, links of the focal unit) for every pair that is listed; 0 for the rest."""
    def weight(i, j):
        row = links[(links[focal] == ids[i]) & (links[other] == ids[j])]
        return value(row["size"].iloc[0], links[links[focal] == ids[i]]) if len(row) else 0.0

    return pairs(len(ids), weight)


@dataclass
class Case:
    """Random units on a map, with what every builder of the registry needs."""

    map: gpd.GeoDataFrame  # Voronoi cells of a square kilometre; columns gdp, people, area, region
    links: pd.DataFrame  # some pairs: from, to, size

    @property
    def ids(self):
        return self.map.index.tolist()

    @property
    def shapes(self):
        return list(self.map.geometry)

    @cached_property
    def xy(self):
        return shapely.get_coordinates(shapely.centroid(self.map.geometry.array))

    @cached_property
    def d(self):
        return planar(self.xy)


def case(seed, n=14):
    rng = np.random.default_rng(seed)
    points = shapely.multipoints(1000 * rng.random((n, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=shapely.box(0, 0, 1000, 1000)))
    ids = [f"u{i:02d}" for i in rng.permutation(n)]
    columns = {name: rng.lognormal(size=n) for name in ("gdp", "people", "area")}
    frame = gpd.GeoDataFrame({**columns, "region": rng.integers(0, 4, n)}, index=ids, geometry=cells, crs=32650)
    listed = [(i, j) for i, j in itertools.permutations(ids, 2) if rng.random() < 0.6 or i == ids[0] or j == ids[0]]
    links = pd.DataFrame(listed, columns=["from", "to"]).assign(size=rng.lognormal(size=len(listed)))
    return Case(frame, links)


def nearest(d, k):
    return np.sort(d, axis=1)[:, k]


TWINS = {  # with the options that the registry states
    "queen": lambda c: queen(c.shapes),
    "rook": lambda c: rook(c.shapes),
    "bishop": lambda c: queen(c.shapes) - rook(c.shapes),
    "border_length": lambda c: border_length(c.shapes),
    "knn": lambda c: knn(c.d, 4, c.ids),
    "distance_band": lambda c: pairs(len(c.d), lambda i, j: c.d[i, j] <= 400),
    "inverse_distance": lambda c: pairs(len(c.d), lambda i, j: 1 / c.d[i, j]),
    "exponential": lambda c: pairs(len(c.d), lambda i, j: math.exp(-c.d[i, j] / nearest(c.d, 1).mean())),
    "kernel": lambda c: kernel(c.d, "triangular", nearest(c.d, 4)),
    "delaunay": lambda c: delaunay(c.xy),
    "gabriel": lambda c: gabriel(c.xy),
    "relative_neighbor": lambda c: relative_neighbor(c.d),
    "sphere_of_influence": lambda c: sphere_of_influence(c.d),
    "block": lambda c: pairs(len(c.d), lambda i, j: c.map["region"].iloc[i] == c.map["region"].iloc[j]),
    "gravity": lambda c: pairs(len(c.d), lambda i, j: c.map["gdp"].iloc[i] * c.map["gdp"].iloc[j] / c.d[i, j] ** 2),
    "economic": lambda c: pairs(len(c.d), lambda i, j: 1 / abs(c.map["gdp"].iloc[i] - c.map["gdp"].iloc[j])),
    "similarity": lambda c: similarity(c.map[["gdp", "people", "area"]]),
    "flows": lambda c: of_links(c.links, c.ids, lambda size, of_unit: size, focal="to", other="from"),
    "shares": lambda c: of_links(c.links, c.ids, lambda size, of_unit: size / of_unit["size"].sum(), focal="to",
                                 other="from"),
    "from_distances": lambda c: of_links(c.links, c.ids, lambda size, of_unit: 1 / size, focal="from", other="to"),
    "lattice": lambda c: lattice(4, 5, "rook"),
}
