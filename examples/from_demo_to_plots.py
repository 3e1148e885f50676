# %% [markdown]
# # From the demonstration to five plots
#
# Serve the demonstration (`make demo`), install the client and Matplotlib, and set what `make demo` printed:
#
#     pip install 'okube-api[client]' matplotlib
#     export OKUBE_URL=http://127.0.0.1:8000 OKUBE_DEMO_PASSWORD=...
#     python examples/from_demo_to_plots.py
#
# The plots are written to the folder `okube-plots`. The notebook `from_demo_to_plots.ipynb` has the same cells.

# %%
import os
from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from okube_api.client import Okube

FOLDER = Path(os.environ.get("OKUBE_PLOTS", "okube-plots"))
FOLDER.mkdir(parents=True, exist_ok=True)
BLUE, ORANGE, GREY = "#1f5fa8", "#e07a1f", "#a9b0b8"
plt.rcParams.update(
    {
        "figure.figsize": (9, 4.8),
        "figure.dpi": 110,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlepad": 14,
        "axes.axisbelow": True,
        "grid.color": "#e4e7ea",
        "legend.frameon": False,
    }
)
thousands = FuncFormatter(lambda value, _position: f"{value:,.0f}")


def save(figure: Figure, name: str) -> None:
    """Write a plot to the folder."""
    figure.tight_layout()
    figure.savefig(FOLDER / f"{name}.png")


# %% [markdown]
# ## The data
#
# A client, an application, and the last day of its events. Weeks are compared when they are over, so the period ends
# with the last Sunday. Of 104 weeks of data, 51 are compared with those of the year before.

# %%
okube = Okube(login="demo@okube.example", password=os.environ["OKUBE_DEMO_PASSWORD"])
lumen = okube.application("maison-lumen")
days = [batch["lastDay"] for batch in lumen.batches() if batch["kind"] == "purchases" and batch["lastDay"]]
last_day = date.fromisoformat(max(days))
until = last_day - timedelta(days=last_day.isoweekday() % 7)
start = until - timedelta(days=51 * 7 - 1)
sites = {site.id: site for site in lumen.sites()}
print(f"{len(sites)} sites, {start} to {until}")

# %% [markdown]
# ## 1. Visits by week, and the same weeks of the year before

# %%
answer = lumen.ask("performance", "visits", by="week", start=start, until=until, compare="previous-year-same-weekday")
visits = answer.to_pandas()

figure, axes = plt.subplots()
axes.plot(visits.index, visits["visits.previousYearSameWeekday"], color=GREY, label="a year before")
axes.plot(visits.index, visits["visits"], color=BLUE, linewidth=2.2, label="this year")
axes.set(title="Visits by week", ylim=(0, None))
axes.yaxis.set_major_formatter(thousands)
axes.grid(axis="y")
axes.legend(loc="lower right", ncols=2)
save(figure, "1-visits-by-week")

# %% [markdown]
# ## 2. The hours of the week
#
# An aggregation has categories instead of days: `1-10` is Monday from 10 to 11, on the local clock of each shop. A
# filter leaves out the web shop.

# %%
shops = {"sites": [identifier for identifier, site in sites.items() if not site["online"]]}
answer = lumen.ask(
    "performance", "visits", by="hourOfWeek", mode="aggregation", start=start, until=until, filters=shops
)
hours = answer.to_pandas()["visits"]
hours.index = hours.index.str.split("-", expand=True)
grid = hours.unstack().rename(columns=int).sort_index(axis="columns").fillna(0).loc[:, 7:21]

figure, axes = plt.subplots()
image = axes.imshow(grid.astype(float), cmap="Blues", aspect="auto")
axes.set_xticks(range(grid.shape[1]), [f"{hour} h" for hour in grid.columns])
axes.set_yticks(range(7), ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"])
axes.spines[:].set_visible(False)
axes.tick_params(length=0)
axes.set_title("When people come: visits to shops in 51 weeks")
figure.colorbar(image, ax=axes, format=thousands, pad=0.02).outline.set_visible(False)
save(figure, "2-hours-of-the-week")

# %% [markdown]
# ## 3. Where sales grow, for the shops that were open in both years

# %%
answer = lumen.ask(
    "performance",
    "sales",
    start=start,
    until=until,
    scopes=["sites"],
    filters=shops,
    compare="previous-year-same-weekday",
    like_for_like=True,
)
sales = answer.to_pandas().set_index("name").sort_values("sales").tail(15)
change = sales["sales.previousYearSameWeekday.change"]

figure, axes = plt.subplots(figsize=(9, 5.6))
bars = axes.barh(sales.index.str.removeprefix("Maison Lumen "), sales["sales"], color=BLUE)
axes.bar_label(bars, [f"{value:+.0%}" for value in change], padding=4, color="#4a5560")
axes.set_title("Sales of the largest shops in 51 weeks, and the change since the year before")
axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value / 1000:,.0f} k€"))
axes.grid(axis="x")
axes.tick_params(axis="y", length=0)
save(figure, "3-sales-by-shop")

# %% [markdown]
# ## 4. What a lever costs, and what it brings
#
# Several KPIs of one question are columns of one frame.

# %%
answer = lumen.ask(
    "conversion", ["cost", "costByOfflineVisit", "offlineVisitsLinear"], start=start, until=until, scopes=["levers"]
)
levers = answer.to_pandas().query("cost > 0").sort_values("offlineVisitsLinear")

figure, axes = plt.subplots()
axes.scatter(
    levers["cost"], levers["offlineVisitsLinear"], s=160, color=ORANGE, alpha=0.85, edgecolor="white", zorder=3
)
for lever in levers.itertuples():
    axes.annotate(
        f"{lever.name}, {lever.costByOfflineVisit:,.2f} € a visit",
        (lever.cost, lever.offlineVisitsLinear),
        (0, 11),
        textcoords="offset points",
        ha="center",
        fontsize=9,
    )
axes.set(title="Cost of levers, and the visits to shops they brought", xlabel="cost", ylabel="visits (linear credit)")
axes.set(xlim=(0, levers["cost"].max() * 1.12), ylim=(0, levers["offlineVisitsLinear"].max() * 1.2))
axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value / 1000:,.0f} k€"))
axes.yaxis.set_major_formatter(thousands)
axes.grid()
save(figure, "4-levers")

# %% [markdown]
# ## 5. How large baskets are, in shops and on the web
#
# A distribution has a line for each band, with its edges in `item_from` and `item_to`.

# %%
answer = lumen.ask("performance", "basketDistribution", start=start, until=until, scopes=["channels"])
bands = answer.to_pandas().dropna(subset="item")
shares = bands.pivot_table(index=["item_from", "item"], columns="id", values="basketDistribution.bins.share")
labels = [
    f"{low:.0f} € or more" if band.endswith(", )") else f"{band[1:-1].replace(', ', ' to ')} €"
    for low, band in shares.index
]

figure, axes = plt.subplots()
positions = range(len(shares))
axes.bar([position - 0.2 for position in positions], shares["offline"], 0.38, color=BLUE, label="shops")
axes.bar([position + 0.2 for position in positions], shares["online"], 0.38, color=ORANGE, label="web shop")
axes.set_xticks(positions, labels)
axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes.set_title("Purchases by their amount")
axes.grid(axis="y")
axes.tick_params(axis="x", length=0)
axes.legend(loc="upper right")
save(figure, "5-baskets")

# %%
okube.close()
print("\n".join(sorted(str(path) for path in FOLDER.glob("*.png"))))
