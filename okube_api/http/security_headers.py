"""Headers that tell browsers what they may do with an answer."""

HSTS = "max-age=31536000"  # a year
_FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers of every answer that does not set them itself, such as the documentation pages their own policy."""

_RAW_HEADERS = tuple((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())


def add_security_headers(headers: list[tuple[bytes, bytes]], *, is_https_only: bool) -> None:
    """Add the headers that an answer does not have yet.

    is_https_only: whether the request came by HTTPS to a server that requires it; browsers must then remember that.
    """
    present = {name for name, _ in headers}
    headers.extend(header for header in _RAW_HEADERS if header[0] not in present)
    if is_https_only:
        headers.append((b"strict-transport-security", HSTS.encode()))
