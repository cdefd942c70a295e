"""Zips and tars: read like folders, and nothing in them can reach outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.data import listing
from saddlepoint.data.prepare import prepare


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


FILES = {f"{cls}/{number}.png": png(number + 10 * ord(cls)) for cls in "ab" for number in range(4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def pack_tar(path: Path, mode: str, files: dict[str, bytes]) -> None:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def pack_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, folder: Path, kind: str) -> None:
    packed = tmp_path / f"pictures.{kind}"
    if kind == "zip":
        pack_zip(packed, FILES)
    else:
        pack_tar(packed, f"w:{kind[4:]}" if "." in kind else "w", FILES)
    a = prepare(folder, tmp_path / "a", size=8)
    b = prepare(packed, tmp_path / "b", size=8)
    assert a.manifest["fingerprint"] == b.manifest["fingerprint"]
    assert a.manifest["files"] == b.manifest["files"]
    assert b.manifest["classes"] == ["a", "b"]
    assert not (tmp_path / "b.partial").exists()


BAD_NAMES = ["../outside.png", "/absolute.png", "a/../../up.png", "C:/drive.png", "..\\back.png"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_point_outside_are_set_aside(tmp_path: Path, kind: str) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    packed = tmp_path / f"deep/er/evil.{kind}"
    files = {"good.png": png(1)} | {name: png(2 + i) for i, name in enumerate(BAD_NAMES)}
    if kind == "zip":
        pack_zip(packed, files)
    else:
        pack_tar(packed, "w", files)
    before = set(tmp_path.rglob("*"))
    report = prepare(packed, tmp_path / "deep/er/out", size=8)
    assert report.manifest["files"] == ["good.png"]
    assert set(report.quarantined.values()) == {"points outside the archive"}
    assert len(report.quarantined) == len(BAD_NAMES)
    new = {path.relative_to(tmp_path).as_posix() for path in set(tmp_path.rglob("*")) - before}
    inside = {"images.npy", "manifest.json", "report.txt"}
    assert new == {"deep/er/out"} | {f"deep/er/out/{name}" for name in inside}


def test_links_in_archives_are_set_aside(tmp_path: Path) -> None:
    packed = tmp_path / "links.tar"
    with tarfile.open(packed, "w") as tar:
        content = png(1)
        info = tarfile.TarInfo("a.png")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        for name, kind in (("soft.png", tarfile.SYMTYPE), ("hard.png", tarfile.LNKTYPE)):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "/etc/passwd"
            tar.addfile(link)
    zipped = tmp_path / "links.zip"
    with zipfile.ZipFile(zipped, "w") as target:
        target.writestr("a.png", png(1))
        link_info = zipfile.ZipInfo("soft.png")
        link_info.external_attr = 0o120777 << 16
        target.writestr(link_info, "/etc/passwd")
    assert set(prepare(packed, tmp_path / "a", size=8).quarantined) == {"soft.png", "hard.png"}
    report = prepare(zipped, tmp_path / "b", size=8)
    assert report.quarantined == {"soft.png": "link inside an archive"}


def test_members_that_unpack_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 10_000)
    packed = tmp_path / "bomb.zip"
    pack_zip(packed, {"a.png": png(1), "bomb.png": bytes(1_000_000)})
    report = prepare(packed, tmp_path / "out", size=8)
    assert report.quarantined == {"bomb.png": "too large: 1,000,000 bytes, the limit is 10,000"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_good_member_does_not_let_in_a_bomb_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip is read by name, which finds the last of two members."""
    monkeypatch.setattr(listing, "MAX_FILE_BYTES", 10_000)
    packed = tmp_path / "twice.zip"
    with zipfile.ZipFile(packed, "w") as target:
        target.writestr("a.png", png(1))
        target.writestr("b.png", png(2))
        target.writestr("b.png", png(3) + bytes(20_000))
    report = prepare(packed, tmp_path / "out", size=8)
    assert report.manifest["files"] == ["a.png"]
    assert list(report.quarantined) == ["b.png"]
    assert report.quarantined["b.png"].startswith("too large")


def test_a_damaged_member_is_set_aside(tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    pack_zip(packed, FILES)
    content = bytearray(packed.read_bytes())
    at = content.index(b"a/1.png") + 40
    content[at : at + 50] = bytes(50)
    packed.write_bytes(content)
    report = prepare(packed, tmp_path / "out", size=8)
    assert list(report.quarantined) == ["a/1.png"]
    assert report.n_images == 7


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_half_an_archive_is_refused(tmp_path: Path, kind: str) -> None:
    packed = tmp_path / f"half.{kind}"
    if kind == "zip":
        pack_zip(packed, FILES)
    else:
        pack_tar(packed, f"w:{kind[4:]}" if "." in kind else "w", FILES)
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    with pytest.raises(InputError, match=r"is damaged|neither a folder nor"):
        prepare(packed, tmp_path / "out", size=8)
    assert [path.name for path in tmp_path.iterdir()] == [packed.name]
