// What the theme lacks for readers who use the keyboard or a screen reader.

/** Let the keyboard reach tables that are wider than the page, and only those: they scroll sideways. */
function markWideTables() {
  for (const wrapper of document.querySelectorAll(".md-typeset__scrollwrap")) {
    const isWide = wrapper.scrollWidth > wrapper.clientWidth;
    const attributes = { tabindex: "0", role: "group", "aria-label": "Wide table" };
    for (const [name, value] of Object.entries(attributes)) {
      if (isWide) wrapper.setAttribute(name, value);
      else wrapper.removeAttribute(name);
    }
  }
}

/** Name the dialog of the search, and take buttons of code blocks for no navigation. */
function nameParts() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  for (const buttons of document.querySelectorAll(".md-code__nav")) buttons.setAttribute("role", "none");
}

addEventListener("load", markWideTables);
addEventListener("resize", markWideTables);
addEventListener("load", nameParts);
