"""Every kind of odd file: used as a person would expect, or set aside with its reason."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.data.archive import list_source
from saddlepoint.data.prepare import prepare

SIZE = 8


def gradient(width: int = 16, height: int = 16, seed: int = 0) -> np.ndarray:
    """A smooth colour picture, different for each seed."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 255 / max(1, width - 1), y * 255 / max(1, height - 1)
    blue = np.full_like(red, (seed * 37) % 256)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims any size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def run(tmp_path: Path, **options) -> tuple[np.ndarray, dict]:
    options = {"size": SIZE, "workers": 1} | options
    report = prepare(tmp_path / "in", tmp_path / "out", **options)
    return np.load(tmp_path / "out/images.npy", mmap_mode="r"), report.manifest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def close(a: np.ndarray, b: np.ndarray, tolerance: int = 6) -> bool:
    return bool((np.abs(a.astype(int) - b.astype(int)) <= tolerance).all())


def item(images: np.ndarray, manifest: dict, name: str) -> np.ndarray:
    return images[manifest["files"].index(name)]


def test_exif_rotation_is_applied(source: Path, tmp_path: Path) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        upright = Image.fromarray(gradient(seed=orientation))
        # Stored turned the other way, so that a viewer shows the upright picture.
        stored = {
            1: upright,
            2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            3: upright.transpose(Image.Transpose.ROTATE_180),
            4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
            5: upright.transpose(Image.Transpose.TRANSPOSE),
            6: upright.transpose(Image.Transpose.ROTATE_90),
            7: upright.transpose(Image.Transpose.TRANSVERSE),
            8: upright.transpose(Image.Transpose.ROTATE_270),
        }[orientation]
        stored.save(source / f"{orientation}.jpg", exif=exif, quality=95)
    images, manifest = run(tmp_path)
    for orientation in range(1, 9):
        expected = gradient(SIZE, SIZE, seed=orientation)
        assert close(item(images, manifest, f"{orientation}.jpg"), expected, 24)
    assert set(manifest["notes"]) == {f"{orientation}.jpg" for orientation in range(2, 9)}
    assert manifest["notes"]["6.jpg"] == ["turned upright (EXIF)"]


def test_modes_of_colour_become_what_a_viewer_shows(source: Path, tmp_path: Path) -> None:
    picture = Image.fromarray(gradient())
    picture.save(source / "plain.PNG")
    Image.fromarray(gradient(seed=2)).convert("CMYK").save(source / "cmyk.tif")
    picture.quantize(200).save(source / "palette.png")
    clear = np.dstack([gradient(), np.zeros((16, 16), np.uint8)])
    Image.fromarray(clear).save(source / "clear.png")
    half = np.dstack([np.zeros((16, 16, 3), np.uint8), np.full((16, 16), 127, np.uint8)])
    Image.fromarray(half).save(source / "half.webp", lossless=True)
    picture.quantize(16).save(source / "clear-palette.gif", transparency=0)
    images, manifest = run(tmp_path)
    plain = item(images, manifest, "plain.PNG")
    assert images.shape[1:] == (SIZE, SIZE, 3)
    assert close(item(images, manifest, "cmyk.tif"), plain + np.array([0, 0, 74]))
    assert close(item(images, manifest, "palette.png"), plain, 40)
    assert (item(images, manifest, "clear.png") == 255).all()
    assert close(item(images, manifest, "half.webp"), np.full((8, 8, 3), 128), 1)
    assert manifest["notes"]["cmyk.tif"] == ["CMYK"]
    assert manifest["notes"]["palette.png"] == ["palette"]
    assert "transparent parts made white" in manifest["notes"]["clear-palette.gif"]


def test_16_bits_are_scaled_and_not_clipped(source: Path, tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(source / "deep.png")
    images, manifest = run(tmp_path)
    assert images.shape == (1, 8, 8, 1)
    assert np.array_equal(images[0, :, :, 0], np.rint(values / 257).astype(np.uint8))
    assert manifest["notes"] == {"deep.png": ["16-bit scaled to 8"]}


def test_float_and_32_bit_files(source: Path, tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(ramp).save(source / "unit.tif")
    Image.fromarray(ramp * 1e6).save(source / "wild.tif")
    images, manifest = run(tmp_path)
    assert np.array_equal(images[0, :, :, 0], np.rint(ramp * 255).astype(np.uint8))
    assert "range is unknown" in manifest["quarantined"]["wild.tif"]


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_an_animation_gives_its_first_frame(source: Path, tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    lossless = {"lossless": True} if ending == "webp" else {}
    frames[0].save(source / f"a.{ending}", save_all=True, append_images=frames[1:], **lossless)
    images, manifest = run(tmp_path)
    assert (images[0] == (255, 0, 0)).all()
    assert "first frame of several" in manifest["notes"][f"a.{ending}"]


def test_grey_only_when_all_are(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient()[:, :, 0]).save(source / "grey.png")
    Image.fromarray(gradient()[:, :, 0] > 99).save(source / "bits.png")
    images, _ = run(tmp_path)
    assert images.shape[3] == 1
    Image.fromarray(gradient()).save(source / "colour.png")
    report = prepare(source, tmp_path / "mixed", size=SIZE)
    images = np.load(tmp_path / "mixed/images.npy")
    assert tuple(report.manifest["spec"]["shape"]) == (3, SIZE, SIZE)
    grey = images[report.manifest["files"].index("grey.png")]
    assert (grey == grey[:, :, :1]).all()
    report = prepare(source, tmp_path / "all-grey", size=SIZE, channels="grey")
    assert tuple(report.manifest["spec"]["shape"]) == (1, SIZE, SIZE)
    assert report.manifest["notes"]["colour.png"] == ["colour made grey"]


def test_crop_and_pad(source: Path, tmp_path: Path) -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 200
    Image.fromarray(wide).save(source / "wide.png")
    images, manifest = run(tmp_path)
    assert (images[0] == 200).all()
    assert manifest["notes"] == {"wide.png": ["not square, cropped"]}
    prepare(source, tmp_path / "padded", size=24, fit="pad")
    padded = np.load(tmp_path / "padded/images.npy")[0]
    assert (padded[8:16] == wide).all()
    assert (padded[:8] == 0).all()
    assert (padded[16:] == 0).all()


def test_mixed_sizes_and_enlarging(source: Path, tmp_path: Path) -> None:
    for side in (3, 8, 50, 700):
        Image.fromarray(gradient(side, side)).save(source / f"{side}.jpg")
    images, manifest = run(tmp_path)
    assert len(images) == 4
    assert manifest["notes"] == {"3.jpg": ["enlarged"]}


def test_bad_files_are_set_aside_by_name_and_reason(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(source / "good.png")
    good_png = (source / "good.png").read_bytes()
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, format="JPEG")
    (source / "cut.jpg").write_bytes(buffer.getvalue()[:-2000])
    (source / "cut.png").write_bytes(good_png[:-60])
    (source / "empty.png").write_bytes(b"")
    (source / "text.jpg").write_text("no image at all")
    (source / "notes.txt").write_text("shopping list")
    (source / "broken.png").write_bytes(good_png[:45] + bytes(20) + good_png[65:])
    (source / "bomb.png").write_bytes(png_header(30_000, 30_000))
    (source / "vast.png").write_bytes(png_header(12_000, 12_000))
    os.symlink("nowhere.png", source / "broken-link.png")
    os.mkfifo(source / "pipe.png")
    images, manifest = run(tmp_path)
    assert len(images) == 1
    set_aside = manifest["quarantined"]
    assert set_aside["cut.jpg"] == "truncated"
    assert set_aside["empty.png"] == "empty file"
    assert set_aside["text.jpg"] == "not readable as an image"
    assert set_aside["notes.txt"] == "not an image (.txt file)"
    assert "too large" in set_aside["bomb.png"]
    assert "too large" in set_aside["vast.png"]
    assert set_aside["broken-link.png"] == "broken link"
    assert set_aside["pipe.png"] == "not a regular file"
    assert {"cut.png", "broken.png"} < set(set_aside)
    assert len(set_aside) == 10
    report = (tmp_path / "out/report.txt").read_text()
    assert "10 left out" in report
    assert "empty.png" in report


def test_droppings_of_systems_are_passed_over(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(source / "a.png")
    (source / "__MACOSX").mkdir()
    (source / ".hidden").mkdir()
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/a.png", ".hidden/b.png", "desktop.ini"):
        (source / name).write_bytes(b"x")
    _, manifest = run(tmp_path)
    assert manifest["counts"] == {"files": 1, "kept": 1, "duplicates": 0, "quarantined": 0}


def test_duplicates_are_dropped_and_listed(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(source / "a.png")
    Image.fromarray(gradient()).save(source / "b.bmp")
    Image.fromarray(gradient(seed=1)).save(source / "c.png")
    images, manifest = run(tmp_path)
    assert len(images) == 2
    assert manifest["duplicates"] == {"b.bmp": "a.png"}


def test_links_are_followed_and_cannot_loop(source: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (source / "sub").mkdir()
    elsewhere.mkdir()
    Image.fromarray(gradient(seed=1)).save(source / "sub/a.png")
    Image.fromarray(gradient(seed=2)).save(elsewhere / "b.png")
    os.symlink(elsewhere / "b.png", source / "linked.png")
    os.symlink(source, source / "sub/loop", target_is_directory=True)
    os.symlink(elsewhere, source / "other", target_is_directory=True)
    _, manifest = run(tmp_path)
    assert manifest["files"] == ["linked.png", "sub/a.png"]
    assert manifest["duplicates"] == {"other/b.png": "linked.png"}
    assert manifest["quarantined"] == {"sub/loop": "link to a folder that is read already"}


def test_keeping_the_size(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient(20, 20)).save(source / "a.png")
    images, _ = run(tmp_path, size=None)
    assert np.array_equal(images[0], gradient(20, 20))
    Image.fromarray(gradient(20, 24)).save(source / "a.png")
    with pytest.raises(InputError, match=r"same size, but a.png is 20x24; give --size"):
        prepare(source, tmp_path / "out1", size=None)
    Image.fromarray(gradient(20, 20)).save(source / "a.png")
    Image.fromarray(gradient(20, 24)).save(source / "b.png")
    with pytest.raises(InputError, match=r"a.png is 20x20 and b.png is 20x24; give --size"):
        prepare(source, tmp_path / "out2", size=None)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"size": 3}, "size 3 is out of range"),
        ({"size": 1025}, "size 1025 is out of range"),
        ({"fit": "stretch"}, "fit 'stretch' is not known; choose crop or pad"),
        ({"channels": "cmyk"}, "choose auto or grey or rgb"),
        ({"workers": 0}, "workers 0 must be at least 1"),
    ],
)
def test_bad_options(source: Path, tmp_path: Path, options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        run(tmp_path, **options)


def test_the_whole_file_system_is_not_searched(tmp_path: Path) -> None:
    for root in (Path("/"), Path("/tmp/..")):
        with pytest.raises(InputError, match="is the whole file system; give the folder"):
            list_source(root, lambda: tmp_path / "spool")


def test_no_images_is_one_sentence(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No images in in \(it is empty\)"):
        run(tmp_path)
    (source / "a.txt").write_text("a")
    (source / "b.png").write_text("b")
    with pytest.raises(InputError, match=r"No images in in .*not readable as an image"):
        run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    with pytest.raises(InputError, match="does not exist"):
        prepare(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(InputError, match="neither a folder nor a zip or tar"):
        prepare(source / "a.txt", tmp_path / "out")


def test_the_report_names_no_place_and_no_time(source: Path, tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(source / "a.png")
    _, manifest = run(tmp_path)
    assert str(tmp_path) not in json.dumps(manifest)
    assert str(tmp_path) not in (tmp_path / "out/report.txt").read_text()
