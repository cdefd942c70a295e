"""Pictures: ranges, grids and files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.core.images import (
    enlarge,
    grid,
    png_bytes,
    read_picture,
    scatter,
    to_uint8,
    to_unit,
    write_gif,
    write_png,
)

ALL_VALUES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


def numbered(n: int, height: int = 3, width: int = 2, channels: int = 1) -> np.ndarray:
    """Image i is filled with the value i + 1."""
    values = np.arange(1, n + 1, dtype=np.uint8).reshape(n, 1, 1, 1)
    return np.broadcast_to(values, (n, height, width, channels))


def test_all_256_values_survive_the_way_to_unit_range_and_back() -> None:
    assert np.array_equal(to_uint8(to_unit(ALL_VALUES)), ALL_VALUES)


def test_black_is_minus_one_and_white_is_plus_one() -> None:
    unit = to_unit(ALL_VALUES)
    assert unit.dtype == np.float32
    assert unit.shape == (1, 1, 16, 16)
    assert (unit.min(), unit.max()) == (-1.0, 1.0)


def test_values_outside_the_range_are_clipped_and_not_wrapped() -> None:
    floats = np.array([-7.0, -1.0, 1.0, 7.0], dtype=np.float32).reshape(1, 1, 2, 2)
    assert to_uint8(floats).ravel().tolist() == [0, 0, 255, 255]


@given(st.floats(-1, 1, width=32))
def test_rounding_is_to_the_nearest_value(value: float) -> None:
    found = to_uint8(np.full((1, 1, 1, 1), value, np.float32)).item()
    assert abs(found - (value + 1) * 127.5) <= 0.5 + 1e-4


def test_channels_move_to_the_end_and_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    unit = to_unit(images)
    assert unit.shape == (2, 3, 4, 5)
    assert unit[1, 2, 3, 4] == pytest.approx(images[1, 3, 4, 2] / 127.5 - 1)
    assert np.array_equal(to_uint8(unit), images)


def test_a_grid_is_read_row_by_row() -> None:
    sheet = grid(numbered(5), columns=3, padding=1)
    assert sheet.shape == (2 * 4 + 1, 3 * 3 + 1, 1)
    places = [(1, 1), (1, 4), (1, 7), (5, 1), (5, 4)]
    for value, (top, left) in enumerate(places, start=1):
        assert (sheet[top : top + 3, left : left + 2] == value).all()
    assert (sheet[5:8, 7:9] == 255).all(), "a place without an image is white"
    assert (sheet[0] == 255).all()
    assert (sheet[:, 3] == 255).all()


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3)), (64, (8, 8))])
def test_a_grid_is_square_by_default(n: int, shape: tuple[int, int]) -> None:
    assert grid(numbered(n, 1, 1), padding=0).shape == (*shape, 1)


def test_enlarging_repeats_pixels_and_never_shrinks() -> None:
    sheet = numbered(1, 2, 3)[0]
    assert enlarge(sheet, 6).shape == (6, 9, 1)
    assert enlarge(sheet, 1).shape == (2, 3, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_keeps_every_pixel(tmp_path: Path, channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 5, channels), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    assert (tmp_path / "a.png").read_bytes() == png_bytes(image)
    with Image.open(io.BytesIO(png_bytes(image))) as opened:
        assert opened.format == "PNG"
        assert np.array_equal(np.asarray(opened).reshape(image.shape), image)


def test_a_gif_has_every_frame_in_order_and_loops(tmp_path: Path) -> None:
    frames = [np.full((4, 4, 1), value, np.uint8) for value in (10, 120, 250)]
    write_gif(tmp_path / "a.gif", frames, milliseconds=50)
    with Image.open(tmp_path / "a.gif") as opened:
        assert opened.n_frames == 3
        assert opened.info["loop"] == 0
        for index, frame in enumerate(frames):
            opened.seek(index)
            assert opened.info["duration"] == 50
            assert np.abs(np.asarray(opened.convert("L")).astype(int) - frame[:, :, 0]).max() <= 1


def test_points_are_drawn_with_y_upwards_and_strays_left_out() -> None:
    sheet = scatter(np.array([[1.0, 1.0], [-1.0, -1.0], [9.0, 0.0]]), extent=1.0, size=10)
    dark = {(int(row), int(column)) for row, column, _ in np.argwhere(sheet == 0)}
    assert dark == {(0, 9), (9, 0)}


def test_points_on_a_line_lie_across_the_middle() -> None:
    sheet = scatter(np.array([[-1.0], [1.0]]), extent=1.0, size=11)
    assert [tuple(place) for place in np.argwhere(sheet[..., 0] == 0)] == [(5, 0), (5, 10)]


@pytest.mark.parametrize(
    "content", [b"", b"no picture", png_bytes(np.zeros((8, 8, 1), np.uint8))[:-30] + bytes(99)]
)
def test_a_damaged_picture_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png is damaged \(.+\); it is left out\."):
        read_picture(tmp_path / "a.png")


def test_a_pipe_in_place_of_a_picture_is_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="is a pipe"):
        read_picture(tmp_path / "a.png")
