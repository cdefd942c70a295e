"""deploy/: each command there is one that torchrun and `saddle` take. No cluster is needed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from torch.distributed.run import get_args_parser

from saddlepoint.cli.main import main

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def slurm(folder: Path) -> list[str]:
    """The words that slurm.sbatch gives to srun, on two nodes."""
    for name, does in {
        "scontrol": 'printf "node-7\\nnode-8\\n"',
        "srun": 'printf "%s\\n" "$@" >"$WORDS"',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "WORDS": str(folder / "words"),
        "SLURM_JOB_NODELIST": "node-[7-8]",
        "SLURM_NNODES": "2",
        "SLURM_JOB_ID": "654321",
        "DATA": "digits",
        "RUN": str(folder / "run"),
    }
    subprocess.run(["bash", str(DEPLOY / "slurm.sbatch")], env=environment, check=True)
    words = (folder / "words").read_text().splitlines()
    return words[words.index("torchrun") :]


def kubernetes(folder: Path) -> list[list[str]]:
    """The commands of pytorchjob.yaml, without a run and with one."""
    job = yaml.safe_load((DEPLOY / "pytorchjob.yaml").read_text())
    container = pods(job)["containers"][0]
    (script,) = container["args"]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    script = script.replace("/work/photos", "digits").replace("/work", str(folder))
    resumed, begun = re.findall(r"exec (torchrun .*?);", script)
    return [shlex.split(begun), shlex.split(resumed)]


def pods(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]


def test_both_clusters_begin_a_run_and_go_on_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = slurm(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").touch()
    resumed = slurm(tmp_path)
    (tmp_path / "run/config.json").unlink()
    (tmp_path / "run").rmdir()
    launches = [begun, resumed, *kubernetes(tmp_path)]
    read = [get_args_parser().parse_args(words[1:]) for words in launches]
    assert all(one.module and one.training_script == "saddlepoint" for one in read)
    for one in read[:2]:
        assert (one.nnodes, one.nproc_per_node, one.max_restarts) == ("2", "8", 3)
        assert (one.rdzv_backend, one.rdzv_id) == ("c10d", "654321")
        assert one.rdzv_endpoint == "node-7:34321"
    for one in read[::2]:
        words = one.training_script_args
        assert main([*words, "--dry-run"]) == 0
        # What cannot be shared by all sixteen ranks is refused.
        assert int(words[words.index("--train.batch-size") + 1]) % 16 == 0
        capsys.readouterr()
    for one in read[1::2]:
        assert one.training_script_args[0] == "resume"
        assert main(one.training_script_args) == 2
        assert "no such run folder" in capsys.readouterr().err


def test_what_is_asked_of_a_cluster_is_what_is_started() -> None:
    text = (DEPLOY / "slurm.sbatch").read_text()
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.+)$", text, re.MULTILINE))
    assert (asked["nodes"], asked["ntasks-per-node"], asked["gpus-per-node"]) == ("2", "1", "8")
    job = yaml.safe_load((DEPLOY / "pytorchjob.yaml").read_text())
    spec, pod = job["spec"], pods(job)
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    assert spec["nprocPerNode"] == str(
        pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    )
    replicas = spec["pytorchReplicaSpecs"]["Worker"]["replicas"]
    elastic = spec["elasticPolicy"]
    assert elastic["minReplicas"] == elastic["maxReplicas"] == replicas == 2
    mounts = {one["name"] for one in pod["containers"][0]["volumeMounts"]}
    assert mounts == {one["name"] for one in pod["volumes"]}


def test_the_container_has_what_the_package_is_built_from() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
    assert all((ROOT / name).exists() for names in copied for name in names)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {"pyproject.toml", "src", project["readme"], *project["license-files"]}
    assert needed <= {name for names in copied for name in names}
    (extras,) = re.findall(r"/build\[([a-z,]+)\]", text)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_commands_are_those_of_the_page() -> None:
    page = (DEPLOY / "README.md").read_text()
    for file in ("Dockerfile", "slurm.sbatch", "pytorchjob.yaml"):
        head = [line.lstrip("# ") for line in (DEPLOY / file).read_text().splitlines()]
        row = next(line for line in page.splitlines() if f"]({file})" in line)
        assert row.split("`")[-2] in head, file
    scale = (ROOT / "docs/scale.md").read_text()
    lines = re.findall(r"^torchrun .*$", page + scale, re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        read = get_args_parser().parse_args(shlex.split(line)[1:])
        assert (read.module, read.training_script) == (True, "saddlepoint")
        verb, *words = read.training_script_args
        if verb == "train":
            ranks = int(read.nnodes[-1]) * int(read.nproc_per_node)
            assert int(words[words.index("--train.batch-size") + 1]) % ranks == 0
