/** Colours of plots, from the styles of the page. */
export interface PlotTheme {
  text: string;
  muted: string;
  border: string;
  surface: string;
  categories: string[];
  /** Colours of a sequential scale, from least to most (a part of viridis, which is uniform to the eye). */
  sequence: string[];
  font: string;
}

const SEQUENCE_LIGHT = ["#f4f9e9", "#c9e8b8", "#8fd0ad", "#4fb3a8", "#2b8ea0", "#2b6590", "#2f3c75", "#27184f"];
const SEQUENCE_DARK = ["#1d2330", "#26345f", "#2b5787", "#2b7a91", "#2f9d8b", "#5cbf78", "#a5da5c", "#f2e95c"];

/** Read the colours of the theme that the page has now. */
export function readTheme(): PlotTheme {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    muted: read("--muted"),
    border: read("--border"),
    surface: read("--surface"),
    categories: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => read(`--category-${number}`)),
    sequence: document.documentElement.dataset["theme"] === "dark" ? SEQUENCE_DARK : SEQUENCE_LIGHT,
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  };
}
