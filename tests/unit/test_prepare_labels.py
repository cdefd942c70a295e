"""Labels from folders and files; whatever does not match is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saddlepoint.core.errors import InputError
from saddlepoint.data.prepare import prepare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four different images 0.png to 3.png."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        save(tmp_path / f"in/{number}.png", number)
    return tmp_path / "in"


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(pixels).save(path)


def run(source: Path, **options) -> tuple[list[int] | None, dict]:
    out = source.parent / "out"
    manifest = prepare(source, out, size=8, **options).manifest
    labels = out / "labels.npy"
    if not labels.exists():
        return None, manifest
    array = np.load(labels)
    assert array.dtype == np.int64
    return array.tolist(), manifest


def test_sub_folders(tmp_path: Path) -> None:
    for index, name in enumerate(["wrap/dog/1.png", "wrap/cat/1.png", "wrap/dog/2.png"]):
        save(tmp_path / "in" / name, index)
    (tmp_path / "in/wrap/README.txt").write_text("hello")
    labels, manifest = run(tmp_path / "in")
    assert labels == [0, 1, 1]
    assert manifest["classes"] == ["cat", "dog"]
    assert manifest["class_counts"] == {"cat": 1, "dog": 2}


@pytest.mark.parametrize(
    "names", [["a/1.png", "a/2.png"], ["a/1.png", "2.png"], ["a/b/1.png", "c/2.png"]]
)
def test_folders_that_are_no_classes(tmp_path: Path, names: list[str]) -> None:
    for index, name in enumerate(names):
        save(tmp_path / "in" / name, index)
    assert run(tmp_path / "in")[0] is None


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["00000/00007.png", "00000/00999.png", "01000/01000.png", "69000/69999.png"], None),
        (["ffhq/00000/00007.png", "ffhq/31000/31999.jpg.png"], None),
        # Names that only look like thousands are classes.
        (["00000/1.png", "01000/1.png"], ["00000", "01000"]),
        (["00000/00007.png", "01000/02000.png"], ["00000", "01000"]),
        (["0/00007.png", "1/01007.png"], ["0", "1"]),
    ],
)
def test_folders_of_a_thousand_are_no_classes(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    names: list[str],
    classes: list[str] | None,
) -> None:
    for index, name in enumerate(names):
        save(tmp_path / "in" / name, index)
    labels, manifest = run(tmp_path / "in")
    assert manifest["counts"]["kept"] == len(names)
    assert manifest["classes"] == (classes or [])
    assert (labels is None) == (classes is None)
    told = "no labels. FFHQ itself is best given as `--data ffhq --source.path PATH`."
    assert [told in record.getMessage() for record in caplog.records] == [True] * (not classes)


def test_labels_none_ignores_folders(tmp_path: Path) -> None:
    save(tmp_path / "in/a/1.png", 0)
    save(tmp_path / "in/b/1.png", 1)
    assert run(tmp_path / "in", labels="none")[0] is None


def test_csv_with_words_and_with_numbers(source: Path) -> None:
    (source / "labels.csv").write_text("file,label\n0.png,cat\n1.png,dog\n2.png,cat\n./3.png,ape\n")
    labels, manifest = run(source)
    assert labels == [1, 2, 1, 0]
    assert manifest["classes"] == ["ape", "cat", "dog"]
    assert manifest["labels_from"] == "labels.csv"


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_of_any_system(source: Path, end: str) -> None:
    rows = ["file,label", "0.png,b", '1.png,"a"', "2.png,b", "3.png,a", ""]
    (source / "labels.csv").write_bytes(end.join(rows).encode())
    assert run(source)[0] == [1, 0, 1, 0]


def test_a_line_of_json_ends_at_the_line_feed(source: Path) -> None:
    rows = [{"file_name": f"{i}.png", "label": f"a\u2028{i % 2}\x85"} for i in range(4)]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (source / "metadata.jsonl").write_text(text)
    assert run(source)[0] == [0, 1, 0, 1]


def test_numbers_sort_by_value(source: Path) -> None:
    text = "\ufefffile_name,label\n0.png,10\n1.png,9\n2.png,10\n3.png,100\n"
    (source / "labels.csv").write_text(text, encoding="utf-8")
    labels, manifest = run(source)
    assert labels == [1, 0, 1, 2]
    assert manifest["classes"] == ["9", "10", "100"]


def test_metadata_jsonl(source: Path) -> None:
    rows = [{"file_name": f"{n}.png", "label": n % 2, "text": "a face"} for n in range(4)]
    (source / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert run(source)[0] == [0, 1, 0, 1]


def test_metadata_without_labels(source: Path) -> None:
    rows = [{"file_name": f"{n}.png", "text": "a face"} for n in range(4)]
    (source / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert run(source)[0] is None


def test_stylegan_dataset_json(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"in/0000{number}/img.png", number)
    labels = [[f"0000{number}/img.png", 2 - number] for number in range(3)]
    (tmp_path / "in/dataset.json").write_text(json.dumps({"labels": labels}))
    assert run(tmp_path / "in")[0] == [2, 1, 0]


def test_stylegan_null(source: Path) -> None:
    (source / "dataset.json").write_text('{"labels": null}')
    assert run(source)[0] is None


def test_a_class_whose_images_are_all_bad_is_told(source: Path) -> None:
    (source / "1.png").write_bytes(b"")
    (source / "labels.csv").write_text("file,label\n0.png,a\n1.png,lost\n2.png,c\n3.png,a\n")
    labels, manifest = run(source)
    assert labels == [0, 1, 0]
    assert manifest["empty_classes"] == ["lost"]
    assert "Classes left without images: lost." in (source.parent / "out/report.txt").read_text()


def test_duplicates_with_another_label_are_told(source: Path) -> None:
    save(source / "4.png", 0)
    (source / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n2.png,a\n3.png,a\n4.png,b\n")
    _, manifest = run(source)
    assert manifest["contradictions"] == ["4.png"]
    assert "have another label" in (source.parent / "out/report.txt").read_text()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("labels.csv", "", "must name the columns `file` and `label`"),
        ("labels.csv", "0.png,1\n", "add the line `file,label`"),
        ("labels.csv", "file,label\n0.png\n", r"row 2: '0.png' does not fill the columns"),
        (
            "labels.csv",
            "file,label\n0.png,1\n1.png,1\n2.png,1\n3.png,1\n7.png,1\n8.png,1\n",
            r"names 2 files that are not images here \(7.png, 8.png\); correct",
        ),
        (
            "labels.csv",
            "file,label\n0.png,1\n2.png,1\n",
            r"2 of 4 images have no label in labels.csv \(1.png, 3.png\); add them",
        ),
        ("labels.csv", f"file,label\n0.png,{'x' * 140_000}\n", "line 2: field larger than"),
        ("labels.csv", "file,label\n0.png,1\n0.png,2\n", "gives 0.png two labels, 1 and 2"),
        ("metadata.jsonl", '{"label": 1}\n', 'not an object with "file_name"'),
        ("metadata.jsonl", '{"file_name": "0.png", "label": [1]}\n', "neither a whole number"),
        ("metadata.jsonl", '{"file_name": \n', "line 1: not valid JSON"),
        (
            "metadata.jsonl",
            '{"file_name": "0.png", "label": 1}\n{"file_name": "1.png"}\n',
            '1 of the 2 lines of metadata.jsonl have no "label"',
        ),
        ("dataset.json", '{"labels": [["0.png"]]}', "must read"),
        ("dataset.json", '{"labels": [["0.png", 1.5]]}', "neither a whole number nor text"),
        ("dataset.json", "{", ": not valid JSON"),
    ],
)
def test_labels_that_do_not_fit(source: Path, name: str, text: str, sentence: str) -> None:
    (source / name).write_text(text)
    with pytest.raises(InputError, match=sentence):
        run(source)
    assert not (source.parent / "out").exists()
    assert not (source.parent / "out.partial").exists()


def test_two_files_of_labels(source: Path) -> None:
    (source / "labels.csv").write_text("file,label\n")
    (source / "dataset.json").write_text('{"labels": null}')
    with pytest.raises(InputError, match="There are 2 label files"):
        run(source)
