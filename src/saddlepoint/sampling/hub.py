"""A hub of models (Hugging Face, or one with its protocol): generators come, exports go.

The client is huggingface_hub (extra `hub`), which knows where the hub is (HF_ENDPOINT), who asks
(HF_TOKEN, `hf auth login`) and what is cached. Only safetensors are ever fetched.
"""

from __future__ import annotations

import importlib
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saddlepoint.core.checkpoints import EXPORTED
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.paths import given_path
from saddlepoint.core.streams import tell

_NAME = r"[\w-][\w.-]*/[\w-][\w.-]*"
# One slash where pathlib has been at it.
_ADDRESS = re.compile(rf"hf:/{{1,2}}({_NAME})(?:@([\w./-]+))?", re.ASCII)
_DENIED = (401, 403)
_USERS = (*_DENIED, 404)


def model_path(model: str | os.PathLike[str]) -> Path:
    """The path of a model as a user gives it: a path, or `hf://owner/name[@revision]`.

    Of a hub the file model.safetensors is fetched into the client's cache. Without a revision it is
    the newest, and a line on stderr says which one that is.

    Raises:
        InputError: as `given_path`; an address of another form, a model that is absent or closed to
            this user, or the client is not installed.
        RunFailed: the hub cannot be reached.
    """
    text = os.fspath(model)
    if not text.startswith("hf:/"):
        return given_path(model)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InputError(f"{text} is not the address of a model; write hf://owner/name[@revision].")
    name, revision = match.groups()
    client = _client()
    with _hub_errors(f"hf://{name}"):
        found = Path(client.hf_hub_download(name, EXPORTED, revision=revision))
    if found.parent.name != revision:
        tell(
            f"hf://{name} is at {found.parent.name} now; hf://{name}@{found.parent.name} is fixed."
        )
    return found


def check_push(repo: str) -> None:
    """Raises InputError unless `push` can be tried: the form of the name, and the client."""
    if re.fullmatch(_NAME, repo, re.ASCII) is None:
        raise InputError(f"--push {repo}: write owner/name, as the hub names a model.")
    _client()


def push(out: Path, repo: str) -> str:
    """Send a file, or what a folder holds, to a model repository, which is made private if new.

    Returns:
        The address of its page.

    Raises:
        InputError: the hub does not let this user write there.
        RunFailed: the hub cannot be reached. What was exported is on the disk in any case.
    """
    client = _client()
    hub, message = client.HfApi(), "Exported by Saddlepoint"
    with _hub_errors(f"--push {repo}: {out} is written, but was not sent"):
        page = hub.create_repo(repo, private=True, exist_ok=True)
        if out.is_dir():
            hub.upload_folder(repo_id=repo, folder_path=out, commit_message=message)
        else:
            hub.upload_file(
                repo_id=repo, path_or_fileobj=out, path_in_repo=out.name, commit_message=message
            )
    return str(page)


def _client() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise InputError(
            "A model hub needs the package huggingface_hub; pip install 'saddlepoint[hub]'."
        ) from None


@contextmanager
def _hub_errors(what: str) -> Iterator[None]:
    """Whatever goes wrong between here and the hub, in a sentence that begins with `what`."""
    errors: Any = importlib.import_module("huggingface_hub.errors")
    # Its first base is that of all errors of the HTTP library that the client is built on.
    network: type[Exception] = errors.HfHubHTTPError.__bases__[0]
    try:
        yield
    except (network, OSError, ValueError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        # Several lines, of which the first says least.
        reason = textwrap.shorten(str(error), 300, placeholder=" ...") or type(error).__name__
        todo = " Log in with `hf auth login`, or set HF_TOKEN." if status in _DENIED else ""
        kind = InputError if status in _USERS or isinstance(error, ValueError) else RunFailed
        raise kind(f"{what} ({reason.rstrip('.')}).{todo}") from error
