"""Steps that make .npz, IDX and safetensors files that lie."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import safetensors.numpy

from fuzzing import wild
from fuzzing.damage import matching, step

KEY = "saddlepoint"
HUGE = (10**10, 2**31, 2**40, 2**63 - 1, 100_000)


def npy(shape: object, kind: str = "|u1", data: bytes = b"", order: object = False) -> bytes:
    """An array file whose header says whatever it is given."""
    head = repr({"descr": kind, "fortran_order": order, "shape": shape}) if kind else "{}"
    text = head.encode() + b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@step
def npz(world: Path, path: str, how: str, seed: int) -> None:
    draw = Random(seed)
    members = ARRAYS[how](draw)
    with zipfile.ZipFile(world / path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _images(n: int = 12, size: int = 8, channels: int = 1) -> np.ndarray:
    return np.arange(n * size * size * channels, dtype=np.uint8).reshape(n, size, size, channels)


def _labels(values: list[Any]) -> dict[str, bytes]:
    return {"images": _saved(_images()), "labels": _saved(np.array(values))}


ARRAYS: dict[str, Callable[[Random], dict[str, bytes]]] = {
    "none": lambda draw: {},
    "other names": lambda draw: {"x": _saved(_images()), "y": _saved(_images())},
    "headerless": lambda draw: {"images": draw.randbytes(200)},
    "half": lambda draw: {"images": _saved(_images())[: draw.randrange(900)]},
    "pickle": lambda draw: {"images": _saved(np.array([{"a": 1}, None], dtype=object))},
    "huge shape": lambda draw: {"images": npy((draw.choice(HUGE), 8, 8, 1), data=bytes(64))},
    "huge side": lambda draw: {"images": npy((1, draw.choice(HUGE), draw.choice(HUGE), 1))},
    "negative": lambda draw: {"images": npy((-1, 8, 8, 1), data=bytes(64))},
    "no tuple": lambda draw: {"images": npy(draw.choice((8, [8, 8], (8.5, 2), ("a",), None)))},
    "no dtype": lambda draw: {"images": npy((2, 2), kind=draw.choice(("|O", "|V8", "<U9", "zz")))},
    "bad order": lambda draw: {"images": npy((12, 8, 8, 1), data=bytes(768), order="x")},
    "no header": lambda draw: {"images": npy((), kind="")},
    "dimensions": lambda draw: {"images": _saved(_images().reshape(draw.choice(DIMENSIONS)))},
    "zero": lambda draw: {"images": _saved(np.zeros(draw.choice(EMPTY), np.uint8))},
    "channels": lambda draw: {"images": _saved(_images(12, 8, draw.choice((2, 4, 5))))},
    "oblong": lambda draw: {"images": _saved(np.zeros((12, 8, 9, 1), np.uint8))},
    "float": lambda draw: {"images": _saved(_images().astype(draw.choice(("f4", "f8", "i8"))))},
    "nan": lambda draw: {"images": _saved(np.full((12, 8, 8, 1), np.nan))},
    "complex": lambda draw: {"images": _saved(_images().astype("c8"))},
    "points": lambda draw: {"images": _saved(np.full((12, 2), draw.choice((0, np.nan, 1e30))))},
    "labels": lambda draw: _labels(draw.choice(LABELS)),
    "one": lambda draw: {"images": _saved(_images(draw.choice((1, 2, 3))))},
    "64 bit": lambda draw: {"arr_0": _saved(_images().astype(np.uint64))},
}
DIMENSIONS = ((768,), (12, 64), (12, 8, 8), (12, 8, 8, 1, 1), (1, 1, 1, 768))
EMPTY = ((0, 8, 8, 1), (12, 0, 8, 1), (12, 8, 8, 0), (0,))
LABELS: tuple[list[Any], ...] = (
    [0] * 11,
    [-1] * 12,
    [10**9] * 12,
    [2**63 - 1] * 12,
    [0.5] * 12,
    ["a"] * 12,
    [[0]] * 12,
    [],
    [0] * 12,
    list(range(12)),
    [True] * 12,
)


@step
def idx(world: Path, path: str, how: str, seed: int) -> None:
    """One of the two files of a pair in the format of MNIST."""
    draw = Random(seed)
    target = world / path
    images = bytes(64 * 64)
    shape = (64, 8, 8)
    heads = {
        "huge": (0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
        "more": (0, 8, 3, 65, 8, 8),
        "none": (0, 8, 3, 0, 8, 8),
        "flat": (0, 8, 3, 64, 64, 0),
        "axes": (0, 8, draw.choice((0, 1, 2, 4, 255)), *shape),
        "kind": (0, draw.choice((9, 11, 13, 14, 0)), 3, *shape),
        "oblong": (0, 8, 3, 64, 4, 16),
    }
    if how == "labels":
        values = bytes(draw.choice((255, 200, 9)) for _ in range(64))
        target.write_bytes(struct.pack(">HBBI", 0, 8, 1, 64) + values)
        return
    content = struct.pack(">HBB" + "I" * (len(heads[how]) - 3), *heads[how]) + images
    if path.endswith(".gz"):
        packed = gzip.compress(content)
        content = draw.choice((packed, packed[: len(packed) // 2], packed[:3], packed + b"junk"))
    target.write_bytes(content)


@step
def labels(world: Path, path: str, seed: int) -> None:
    """Labels of a prepared folder that are no class of it."""
    draw = Random(seed)
    old = np.load(world / path)
    old[draw.randrange(len(old))] = draw.choice((-1, 2, 99, 2**40, -(2**40)))
    np.save(world / path, old)


@step
def relabel(world: Path, path: str, seed: int) -> None:
    """A label that is another class of the set: no range shows it."""
    old = np.load(world / path)
    at = Random(seed).randrange(len(old))
    old[at] = (old[at] + 1) % (old.max() + 1)
    np.save(world / path, old)


@step
def pixels(world: Path, path: str, seed: int) -> None:
    """A prepared image that is not what was prepared: neither its size nor its header shows it."""
    draw = Random(seed)
    content = bytearray((world / path).read_bytes())
    content[draw.randrange(256, len(content))] ^= 0xFF
    (world / path).write_bytes(content)


@step
def weights(world: Path, path: str, how: str, seed: int, pick: float = 0.0) -> None:
    """A safetensors file whose header or content lies; it still has the right sha256 inside."""
    target, draw = matching(world, path, pick), Random(seed)
    content = target.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    if how in HEADERS:
        text = HEADERS[how](header, draw)
        target.write_bytes(len(text).to_bytes(8, "little") + text + body)
    elif how == "length":
        length = draw.choice((0, 1, size - 1, size + 1, 2**31, 2**63, 2**64 - 1))
        target.write_bytes(length.to_bytes(8, "little") + content[8:])
    else:
        tensors = {name: np.array(t) for name, t in safetensors.numpy.load(content).items()}
        about = json.loads(header.get("__metadata__", {}).get(KEY, "{}"))
        TENSORS[how](tensors, about, draw)
        about["weights_sha256"] = _sha256(tensors)
        metadata = {KEY: json.dumps(about)} if len(about) > 1 else None
        target.write_bytes(safetensors.numpy.save(tensors, metadata))


def _sha256(tensors: dict[str, np.ndarray]) -> str:
    """As the package computes it, so that the file is not refused for its hash alone."""
    digest = hashlib.sha256()
    kinds = {"float32": "torch.float32", "int64": "torch.int64", "float16": "torch.float16"}
    for name in sorted(tensors):
        value = tensors[name]
        kind = kinds.get(str(value.dtype), f"torch.{value.dtype}")
        digest.update(f"{name} {kind} {list(value.shape)}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _entry(header: dict[str, Any], draw: Random, **changes: Any) -> bytes:
    name = draw.choice(sorted(name for name in header if name != "__metadata__"))
    header[name] |= changes
    return json.dumps(header).encode()


HEADERS: dict[str, Callable[[dict[str, Any], Random], bytes]] = {
    "shape": lambda header, draw: _entry(header, draw, shape=[draw.choice(HUGE), 7]),
    "negative shape": lambda header, draw: _entry(header, draw, shape=[-1, 4]),
    "offsets": lambda header, draw: _entry(header, draw, data_offsets=[0, draw.choice(HUGE)]),
    "overlap": lambda header, draw: _entry(header, draw, data_offsets=[0, 4]),
    "kind": lambda header, draw: _entry(header, draw, dtype=draw.choice(("F64", "I8", "XX", "F8"))),
    "no metadata": lambda header, draw: json.dumps(
        {name: value for name, value in header.items() if name != "__metadata__"}
    ).encode(),
    "metadata": lambda header, draw: json.dumps(
        header | {"__metadata__": {KEY: draw.choice(list(wild.JSON.values()))[: 10**6]}}
    ).encode(),
    "document": lambda header, draw: draw.choice(list(wild.DOCUMENTS.values())),
    "deep": lambda header, draw: b'{"a":' * 50_000,
}


def _each(change: Callable[[np.ndarray, Random], np.ndarray]) -> Any:
    def apply(tensors: dict[str, np.ndarray], about: dict[str, Any], draw: Random) -> None:
        name = draw.choice(sorted(name for name in tensors if tensors[name].ndim > 0))
        tensors[name] = change(tensors[name], draw)

    return apply


def _about(key: str, *values: Any) -> Any:
    def apply(tensors: dict[str, np.ndarray], about: dict[str, Any], draw: Random) -> None:
        holder = about.get("arch" if key in about.get("arch", {}) else "spec", {})
        (about if key in about else holder)[key] = draw.choice(values)

    return apply


def _rename(tensors: dict[str, np.ndarray], about: dict[str, Any], draw: Random) -> None:
    tensors["net.\x1b]0;pwned\x07"] = tensors.pop(draw.choice(sorted(tensors)))


WRONG_NUMBERS = (0, -1, 1, 20_000_000, 2**31, 2**63, 1e999, 0.5, "8", None, [8], True)
TENSORS: dict[str, Any] = {
    "nan": _each(lambda old, draw: np.full_like(old, draw.choice((np.nan, np.inf)))),
    "zero": _each(lambda old, draw: old[:0]),
    "turned": _each(lambda old, draw: np.ascontiguousarray(old.T)),
    "double": _each(lambda old, draw: old.astype(np.float64)),
    "whole": _each(lambda old, draw: old.astype(np.int64)),
    "scalar": _each(lambda old, draw: old.reshape(-1)[:1].reshape(())),
    "gone": lambda tensors, about, draw: tensors.pop(draw.choice(sorted(tensors))),
    "all gone": lambda tensors, about, draw: tensors.clear(),
    "renamed": _rename,
    "latent": _about("latent_dim", *WRONG_NUMBERS),
    "width": _about("generator_width", *WRONG_NUMBERS),
    "most": _about("max_width", *WRONG_NUMBERS),
    "kind of net": _about("kind", "mlp", "", None, "\x1b]0;pwned\x07", 7, "no-such-net"),
    "conditioning": _about("conditioning", "onehot", "embedding", None, 7, "x"),
    "sides": _about(
        "shape", [1, 2**20, 2**20], [], [2], [1, 8], [0, 0, 0], [1, 9, 9], "x", [1e9] * 3
    ),
    "classes": _about("n_classes", *WRONG_NUMBERS),
    "range": _about("value_range", None, [1, -1], [], "x", [float("nan"), 1], [1e308, -1e308]),
    "names": _about("classes", ["\x1b]0;pwned\x07"], "x", 7, None, [[]], ["a"] * 100_000),
    "images": _about("n_images", *WRONG_NUMBERS),
    "schema": _about("schema", *WRONG_NUMBERS),
    "format": _about("format", "x", None, 7),
    "data": _about("data", None, 7, "\x1b]0;pwned\x07", "x" * 10**6),
}
