"""Make docs/glossary.md: terms in English and Chinese, and what the heads of a report's tables mean.

    python docs/build_glossary.py
"""

from __future__ import annotations

from pathlib import Path

from spatial.report.heads import HEADS
from spillover.language import head, language, stored

PAGE = Path(__file__).parent / "glossary.md"
TOP = """# Glossary: English and Chinese

The terms of the Chinese report (`lang = "zh-CN"`, `--lang zh-CN`), as the Chinese literature has them. Names of models,
statistics and people stay in Latin letters. 中文报告所用的术语。
"""
TERMS = (
    ("spatial weights matrix W", "空间权重矩阵 W"),
    ("contiguity, neighbor", "邻接，邻居"),
    ("k nearest neighbors", "k 近邻"),
    ("inverse distance", "反距离"),
    ("economic distance", "经济距离"),
    ("row-standardised", "行标准化"),
    ("island", "孤立单元"),
    ("Moran's I", "莫兰指数"),
    ("Local Moran (LISA)", "局部莫兰指数（LISA）"),
    ("cluster, outlier", "聚集，异常"),
    ("High-High", "高-高"),
    ("Low-Low", "低-低"),
    ("hot spot, cold spot", "热点，冷点"),
    ("spatial autocorrelation", "空间自相关"),
    ("spatial lag", "空间滞后"),
    ("spatial error", "空间误差"),
    ("spatial autoregressive model (SAR)", "空间自回归模型（SAR）"),
    ("spatial error model (SEM)", "空间误差模型（SEM）"),
    ("spatial Durbin model (SDM)", "空间杜宾模型（SDM）"),
    ("spatial Durbin error model (SDEM)", "空间杜宾误差模型（SDEM）"),
    ("rho", "空间自回归系数 rho"),
    ("lambda", "空间误差系数 lambda"),
    ("direct effect", "直接效应"),
    ("indirect effect, spillover", "间接效应，溢出效应"),
    ("total effect", "总效应"),
    ("short run, long run", "短期，长期"),
    ("fixed effects of units, of periods, two-way", "个体固定效应，时间固定效应，双向固定效应"),
    ("random effects", "随机效应"),
    ("maximum likelihood", "极大似然估计"),
    ("two-stage least squares", "两阶段最小二乘"),
    ("the method of moments", "矩估计"),
    ("instruments", "工具变量"),
    ("standard error", "标准误"),
    ("confidence interval", "置信区间"),
    ("null hypothesis", "原假设"),
    ("permutation test", "置换检验"),
    ("bootstrap", "自助法"),
    ("jackknife", "刀切法"),
    ("posterior probability", "后验概率"),
    ("difference-in-differences", "双重差分"),
    ("event study", "事件研究"),
    ("parallel trends", "平行趋势"),
    ("placebo", "安慰剂检验"),
    ("mediation", "中介效应"),
    ("moderation", "调节效应"),
    ("threshold regression", "门槛回归"),
    ("heterogeneity", "异质性"),
    ("Gini coefficient and Dagum's parts", "基尼系数及其 Dagum 分解"),
    ("Theil index", "泰尔指数"),
    ("Sigma convergence, beta convergence", "σ 收敛，β 收敛"),
    ("total factor productivity", "全要素生产率"),
    ("composite index, entropy weights", "综合指数，熵权法"),
    ("Lee-Yu correction", "Lee-Yu 修正"),
    ("log-likelihood", "对数似然值"),
    ("winsorized", "缩尾"),
)


def page() -> str:
    """The Markdown page."""
    lines = [TOP, "| English | 中文 |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in TERMS)]
    lines += ["\n## Heads of tables 表头\n", "| head | 表头 | what the numbers are | 含义 |"]
    lines.append("| --- | --- | --- | --- |")
    with language("zh-CN"):
        for text, meaning in HEADS.values():
            lines.append(f"| {text} | {head(text)} | {meaning} | {stored(meaning)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
