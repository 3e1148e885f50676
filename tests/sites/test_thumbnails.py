"""Re-encoding of pictures: turned, reduced, and in bounded memory."""

import io
import subprocess
import sys
from typing import Any

import pytest
from okube_api.errors import TooLarge
from okube_api.sites.thumbnails import MAX_SIDE, reencode
from PIL import Image

MEASURE = """
import resource, sys
import anyio
import PIL.Image, PIL.ImageOps
from okube_api.errors import TooLarge
from okube_api.sites.thumbnails import ThumbnailStore

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

async def reencode_all(pictures):
    thumbnails = ThumbnailStore(None)
    async def reencode(picture):
        async def read():
            return picture
        await thumbnails.reencode(read)
    async with anyio.create_task_group() as group:
        for picture in pictures:
            group.start_soon(reencode, picture)

pictures = [bytes.fromhex(line) for line in sys.stdin.read().split()]
before_mb = peak_mb()
anyio.run(reencode_all, pictures)
print(peak_mb() - before_mb)
"""


def draw_picture(file_format: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, (200, 30, 30, 128)[: len(mode)]).save(out, file_format, **options)
    return out.getvalue()


@pytest.mark.slow
def test_twelve_pictures_at_once_take_the_memory_of_one() -> None:
    """Send 12 pictures of 25 megapixels; decoded, each of them takes 100 MB, and as much again while it is reduced."""
    pictures = [draw_picture("PNG", (5000, 5000), compress_level=1)] * 4
    pictures += [draw_picture("JPEG", (5000, 5000), exif=turned())] * 8
    command = [sys.executable, "-c", MEASURE]
    lines = "\n".join(picture.hex() for picture in pictures)
    measured = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    assert float(measured.stdout) < 250


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file_format", "mode", "width", "options"),
    [
        ("JPEG", "RGB", 5000, {}),
        ("JPEG", "RGB", 5000, {"progressive": True}),
        ("PNG", "RGBA", 5000, {"compress_level": 1}),
        ("WEBP", "RGB", 2500, {"method": 0}),
        ("WEBP", "RGBA", 2500, {"method": 0, "lossless": True}),
    ],
)
def test_the_largest_picture_of_each_format_takes_bounded_memory(
    file_format: str, mode: str, width: int, options: dict[str, Any]
) -> None:
    picture = draw_picture(file_format, (width, 5000), mode, **options)
    command = [sys.executable, "-c", MEASURE]
    measured = subprocess.run(command, input=picture.hex(), capture_output=True, text=True, check=True)
    assert float(measured.stdout) < 230


@pytest.mark.parametrize(
    ("file_format", "size", "mode"),
    [("JPEG", (25_001, 1000), "L"), ("PNG", (25_001, 1000), "L"), ("WEBP", (12_501, 1000), "RGB")],
)
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    monkeypatch: pytest.MonkeyPatch, file_format: str, size: tuple[int, int], mode: str
) -> None:
    fastest = {"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}
    picture = draw_picture(file_format, size, mode, **fastest.get(file_format, {}))

    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    for name in ("load", "thumbnail", "draft"):
        monkeypatch.setattr(Image.Image, name, fail)
    with pytest.raises(TooLarge, match=f"{size[0] * size[1]:,} pixels. A {file_format} picture may have"):
        reencode(picture)


def turned() -> Image.Exif:
    """Return the metadata of a picture that is a quarter turn off."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture_is_turned_and_reduced(file_format: str) -> None:
    picture = reencode(draw_picture(file_format, (3000, 1500), exif=turned()))
    assert Image.open(io.BytesIO(picture.image)).size == (MAX_SIDE // 2, MAX_SIDE)
