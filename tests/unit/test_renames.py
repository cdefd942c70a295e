"""Runs that were written under old names are read, reported and resumed under today's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import saddlepoint as sp
from saddlepoint.core.files import sha256_of
from saddlepoint.core.provenance import read_config
from saddlepoint.core.renames import COLUMNS, CONFIG_FIELDS

TINY = {
    "arch.generator_width": 8,
    "arch.discriminator_width": 8,
    "arch.minibatch_stddev": True,
    "train.batch_size": 16,
    "train.n_samples": 4,
    "train.wrong_label_fraction": 0.25,
    "train.tick_kimg": 0.032,
    "train.sample_kimg": 0.064,
}


def under_old_names(document: Any, names: dict[str, str]) -> Any:
    """JSON with every key that was renamed under its old name."""
    if isinstance(document, dict):
        return {names.get(k, k): under_old_names(v, names) for k, v in document.items()}
    return [under_old_names(v, names) for v in document] if isinstance(document, list) else document


def test_an_old_run_is_reported_and_resumed(tmp_path: Path) -> None:
    def train(name: str) -> sp.Run:
        return sp.train(
            "cgan-embedding", "digits", out=tmp_path / name, kimg=0.1, changes=TINY, quiet=True
        )

    run, same = train("old"), train("new")
    fields = {new: old for old, new in CONFIG_FIELDS.items()}
    document = under_old_names(run.document, fields)
    text = json.dumps(document)
    for old in CONFIG_FIELDS:
        assert f'"{old}"' in text
    run.config_file.write_text(text)
    columns = {new: old for old, new in COLUMNS.items()}
    rows = [under_old_names(row, columns) for row in run.history.rows]
    assert any(name in row for row in rows for name in COLUMNS)
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    assert read_config(run) == read_config(same)
    assert [row.keys() for row in run.history.rows] == [row.keys() for row in same.history.rows]
    run.report_file.unlink()
    page = run.report().read_text()
    for old, new in CONFIG_FIELDS.items():
        assert f".{new}" in page
        assert f".{old}" not in page
    longer, expected = (sp.resume(r.path, kimg=0.2, quiet=True) for r in (run, same))
    assert longer.status["state"] == "finished"
    for file in ("ema", "optim"):
        one, other = (r.checkpoints[-1] / f"{file}.safetensors" for r in (longer, expected))
        assert sha256_of(one) == sha256_of(other)
