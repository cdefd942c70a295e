"""What is too large, and is refused before anything is built."""

from __future__ import annotations

import subprocess
import sys

import pytest

from saddlepoint.core import limits
from saddlepoint.core.errors import InputError


def test_a_sentence_has_both_numbers_and_what_to_lower():
    limits.require_memory(10, "--n 10", "give fewer", available=10)
    with pytest.raises(InputError) as raised:
        limits.require_memory(19_440_000_000, "--n 10", "give fewer", available=512_000_000)
    assert str(raised.value) == (
        "--n 10 needs about 19.4 GB of memory, but 512 MB are available; give fewer."
    )


@pytest.mark.parametrize("kind", ["AS", "DATA"])
def test_a_limit_of_the_shell_counts(kind: str):
    code = (
        "import resource; from saddlepoint.core.limits import available_memory as a; b = a();"
        f"resource.setrlimit(resource.RLIMIT_{kind}, (2**30, 2**30)); print(b, a())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 0 < after < min(before, 2**30)


VERSIONS = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


@pytest.mark.parametrize("kinds", VERSIONS)
def test_control_groups_and_those_above_them_count(tmp_path, monkeypatch, kinds: str):
    limit, use, cache = VERSIONS[kinds]
    for place, most in (("job", "1000"), ("job/step", "max")):
        (tmp_path / place).mkdir()
        (tmp_path / place / limit).write_text(most)
        (tmp_path / place / use).write_text("700\n")
        (tmp_path / place / "memory.stat").write_text(f"anon 650\n{cache} 40\n")
    (tmp_path / "cgroup").write_text(f"9:pids:/\n4:{kinds}:/job/step/not-mounted-here\n")
    monkeypatch.setattr(limits, "_OWN", tmp_path)
    monkeypatch.setattr(limits, "_CGROUPS", [(tmp_path, limit, use, cache)] * 2)
    # What is only cached from disk is given back when it is needed.
    assert list(limits._of_control_groups()) == [1000 - 700 + 40]
    assert limits.available_memory() == 340
