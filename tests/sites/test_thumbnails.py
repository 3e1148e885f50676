"""Re-encoding of pictures: turned, reduced, and in bounded memory."""

import io
import subprocess
import sys
from typing import Any

import pytest
from okube_api.sites.thumbnails import MAX_SIDE, reencode
from PIL import Image

MEASURE = """
import resource, sys
import anyio
import PIL.Image, PIL.ImageOps
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


def test_twelve_pictures_at_once_take_the_memory_of_one() -> None:
    """Send 12 pictures of 25 megapixels; decoded, each of them takes 100 MB, and as much again while it is reduced."""
    pictures = [draw_picture("PNG", (5000, 5000), compress_level=1)] * 4
    pictures += [draw_picture("JPEG", (5000, 5000), exif=turned())] * 8
    command = [sys.executable, "-c", MEASURE]
    lines = "\n".join(picture.hex() for picture in pictures)
    measured = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    assert float(measured.stdout) < 250


def turned() -> Image.Exif:
    """Return the metadata of a picture that is a quarter turn off."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture_is_turned_and_reduced(file_format: str) -> None:
    picture = reencode(draw_picture(file_format, (3000, 1500), exif=turned()))
    assert Image.open(io.BytesIO(picture.image)).size == (MAX_SIDE // 2, MAX_SIDE)
