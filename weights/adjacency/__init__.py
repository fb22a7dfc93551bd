"""Which polygons share border: vertices and edges bit for bit, then the geometry of the edges left over.

    vertices, meeting, bins     what is shared exactly, and what is unmatched
    open_border                 the unmatched edges
    snap, junctions, joined     vertices that are one, vertices on edges, edges that cross: pairs of polygons
    loops, joined_arrays, joined_kernels    their loops, in numpy and compiled
    touch                       polygons within a tolerance, in metres
    links                       all of it together: the pattern of queen, rook and bishop
"""
