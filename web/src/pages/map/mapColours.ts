/** Colours of the map's scales, light and dark. They differ in lightness, so that nobody needs to tell hues apart. */
import { readTheme } from "~/plots/theme";

export interface MapColours {
  /** From few to many: oranges, which stand out on the blues and greens of homes. */
  sites: readonly string[];
  /** From fewer to more than in the other period; the middle is no change. */
  change: readonly string[];
  homes: readonly string[];
  /** Of sites without a value. */
  plain: string;
}

const SITES_LIGHT = ["#fff0dc", "#fdc98c", "#f69a3c", "#d9600d", "#8c3103"];
const SITES_DARK = ["#4a2408", "#8f4a12", "#d9741c", "#fba94f", "#ffe3b8"];
const CHANGE_LIGHT = ["#9c3300", "#e08a55", "#f3efe9", "#6fa9d6", "#004f86"];
const CHANGE_DARK = ["#ffa77d", "#a8552c", "#3a424b", "#3b7fb3", "#9ed6fb"];
const FIRST_SHADE = 1; // the lightest shade of the plots is hardly seen on land

/** Return the colours of the theme that the page has now. */
export function readMapColours(isDark: boolean): MapColours {
  const theme = readTheme();
  return {
    sites: isDark ? SITES_DARK : SITES_LIGHT,
    change: isDark ? CHANGE_DARK : CHANGE_LIGHT,
    homes: theme.sequence.slice(FIRST_SHADE),
    plain: theme.surface,
  };
}
