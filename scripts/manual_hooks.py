"""Hooks of MkDocs for the manual: pages from outside `docs/`, and a build that is the same on every machine.

`mkdocs.yml` names this file.  MkDocs calls the functions by their names.
"""

import json
import posixpath
import re
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

OUTSIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "reporting.md"}
"""Pages of the manual that are files of the repository, since a forge shows them at these paths."""

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
_NPM_PACKAGE = re.compile(r"node_modules/((?:@[^/]+/)?[^/]+)")
_INDENTATION = re.compile(r"\s*\n\s*")
_PREFORMATTED = re.compile(r"(<pre.*?</pre>)", re.DOTALL)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_RUN_COMMENT = re.compile(r"^<!-- run: [^>]*-->\n", re.MULTILINE)
_SOURCE_MAP = re.compile(rb"(?://# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ \*/)\n?")

UNUSED = ("404.html", "sitemap.xml", "sitemap.xml.gz", "assets/images/favicon.png", "assets/javascripts/lunr")
"""Files that need the address of the site, have a date, or are for other languages."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand patterns of the navigation, and drop pages that do not exist."""
    config.nav = [entry for item in config.nav or [] if (entry := _expand_entry(item)) is not None]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside `docs/`, and the icon."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "assets/images/icon.svg", abs_src_path=str(ROOT / "web/src/icon.svg")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Point links at pages of the manual, by their titles.

    Of links to other files of the repository, only the text is kept.
    """
    path = page.file.src_uri
    source = {page: name for name, page in OUTSIDE.items()}.get(path, f"docs/{path}")

    def convert_link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        repository_path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        manual_path = OUTSIDE.get(repository_path, repository_path.removeprefix("docs/"))
        is_page = repository_path in OUTSIDE or repository_path.startswith("docs/")
        if not is_page or (ROOT / repository_path).is_dir():
            return text
        if text.endswith(".md"):  # a file name says little here
            text = _read_title(ROOT / repository_path)
        return f"[{text}]({posixpath.relpath(manual_path, posixpath.dirname(path) or '.')}{anchor})"

    markdown = _RUN_COMMENT.sub("", markdown)
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(convert_link, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(convert_link, markdown[end:])])


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Drop indentation and empty lines, a third of most pages, outside of preformatted text."""
    parts = _PREFORMATTED.split(output)
    parts[::2] = [_INDENTATION.sub("\n", part) for part in parts[::2]]
    return "".join(parts)


def on_post_build(*, config: MkDocsConfig) -> None:
    """Name the licences of the theme; delete unused files and references to source maps."""
    site = Path(config.site_dir)
    (site / "assets/licenses.txt").write_text(_collect_licenses(site), encoding="utf-8")
    for file in [*site.rglob("*.map"), *(site / name for name in UNUSED)]:
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
    for file in sorted([*site.rglob("*.min.js"), *site.rglob("*.min.css")]):
        file.write_bytes(_SOURCE_MAP.sub(b"", file.read_bytes()))


def _collect_licenses(site: Path) -> str:
    """Return the licence of the theme, with the names of the packages that its scripts and styles contain."""
    theme = distribution("mkdocs-material")
    (license_file,) = [file for file in theme.files or () if file.parts[-2:] == ("licenses", "LICENSE")]
    sources = [source for map_ in site.rglob("*.map") for source in json.loads(map_.read_bytes())["sources"]]
    packages = {name for source in sources for name in _NPM_PACKAGE.findall(source)[-1:]}
    return (
        f"The pages use Material for MkDocs {theme.version}:\n\n{license_file.read_text()}\n"
        f"Its scripts and styles contain these packages of npm: {', '.join(sorted(packages))}.\n"
    )


def _expand_entry(item: Any) -> Any:
    """Return an entry of the navigation with existing pages only; None if there are none."""
    if isinstance(item, str):
        return item if _is_page(item) else None
    ((title, value),) = item.items()
    if isinstance(value, list):
        children = [entry for child in value if (entry := _expand_entry(child)) is not None]
        return {title: children} if children else None
    if "*" in value:
        return {title: [str(file.relative_to(ROOT / "docs")) for file in sorted((ROOT / "docs").glob(value))]}
    return item if _is_page(value) else None


def _read_title(page: Path) -> str:
    """Return the first heading of a page; its name if it has none or does not exist."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    return match[1] if match else page.name


def _is_page(path: str) -> bool:
    return path in OUTSIDE.values() or (ROOT / "docs" / path).is_file()
