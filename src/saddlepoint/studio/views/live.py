"""One run, watched: its samples over time, its curves, what the doctor says, what it printed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.findings import Finding
from saddlepoint.core.json_files import parse
from saddlepoint.core.reading import read_bytes
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.reporting.facts import Facts
from saddlepoint.reporting.findings import advice_for
from saddlepoint.reporting.messages import in_language, in_languages
from saddlepoint.reporting.strings import Words, words_in
from saddlepoint.studio.library import NotFound, playable
from saddlepoint.studio.pictures import picture_response
from saddlepoint.studio.remedied import Cures, cures
from saddlepoint.studio.view import (
    Nothing,
    Studio,
    View,
    command_of,
    in_thread,
    language_of,
    studio_of,
)


def _run(request: Request) -> Run:
    return studio_of(request).library.run(request.path_params["id"])


def overview(request: Request) -> Response:
    """What a run is and how far it is, without its curves."""
    studio, id = studio_of(request), request.path_params["id"]
    if line := studio.pending().get(id):
        job = studio.jobs.newest_of(line["path"])
        log = studio.jobs.log(job["job"]) if job else ""
        return JSONResponse({**line, "samples": [], "found": [], "job": job, "log": log})
    run, line = _run(request), studio.library.line(id)
    job = studio.job_of(run)
    answer = {
        **line,
        "samples": _samples(run),
        "job": job,
        "log": studio.jobs.log(job["job"]) if job else "",
        "trash": studio.trash.command(run),
        "playable": playable(line),
    }
    # The list has said what is damaged; what can be shown is shown.
    if line["state"] == "damaged":
        return JSONResponse({**answer, "found": [], "commands": {}})
    history, _ = studio.histories.of(run)
    facts = Facts(run, run.document, run.status, history)
    language = language_of(request)
    treatments = facts.document.get("treatments", [])
    loss = facts.config.get("loss")
    return JSONResponse(
        {
            **answer,
            "device": str(facts.document.get("resolved", {}).get("device", "")),
            "precision": str(facts.document.get("resolved", {}).get("precision", "")),
            "parameters": facts.parameters,
            "loss": str(loss.get("kind", "")) if isinstance(loss, dict) else "",
            "commands": facts.commands(),
            "found": _found(facts, words_in(language)),
            "treated": [in_language(line["message"], language) for line in treatments],
        }
    )


def _samples(run: Run) -> list[dict[str, Any]]:
    """Its grids, oldest first; [] where they cannot be read, as the run's line says."""
    with suppress(InputError, OSError):
        return [{"name": p.name, "images": images_of(p)} for p in run.samples]
    return []


def _found(facts: Facts, words: Words) -> list[dict[str, Any]]:
    """The doctor's findings, newest first: each with its evidence, and whether it still holds."""
    holding, found = facts.status.get("findings", []), {}
    for line in facts.run.findings:
        if line["event"] == "found":
            found[line["name"]] = {**line, "holds": line["name"] in holding}
        elif line["event"] == "ended" and line["name"] in found:
            found[line["name"]]["ended_at"] = line["at_images"]
    for line in found.values():
        line["message"] = in_language(line["message"], words.language)
        line["evidence"] = [
            {**item, "note": in_language(item.get("note", ""), words.language)}
            for item in line["evidence"]
        ]
        missing = line.get("missing", [])
        names = facts.bin_names(missing, words) if missing else []
        pictures = [(f"{i:02d}.png", name) for i, name in zip(missing, names, strict=True)]
        bins = facts.run.samples_folder / "bins"
        line["missing_pictures"] = [
            {"file": file, "name": name} for file, name in pictures if (bins / file).is_file()
        ]
        known = [name for name in line.get("remedies", []) if name in registry.names("remedy")]
        line["advice"] = {name: advice_for(name, words) for name in known}
    return sorted(found.values(), key=lambda line: (not line["holds"], -line["at_images"]))


def figures(request: Request) -> Response:
    """The figures of the report, as plotly takes them; `complete` is false while a long history is
    still being read: then ask again, with `?drawn` once its overview is drawn."""
    # The losses behind the wording need torch.
    from saddlepoint.reporting.figures import figures_of

    run = _run(request)
    history, complete = studio_of(request).histories.of(run)
    if not complete and "drawn" in request.query_params:
        return JSONResponse({"complete": False, "figures": []})
    return JSONResponse(
        {
            "complete": complete,
            "figures": [
                {
                    "name": name,
                    "title": title,
                    "text": text,
                    "figure": parse(str(figure.to_json()), title),
                }
                for name, title, figure, text in figures_of(
                    run.document, history, words=words_in(language_of(request))
                )
            ],
        }
    )


def evidence(request: Request) -> Response:
    """The curves of what speaks for a finding, each over its healthy range."""
    from saddlepoint.reporting.figures import evidence_figure

    run = _run(request)
    history, _ = studio_of(request).histories.of(run)
    words, drawn = words_in(language_of(request)), []
    for item in _line(run, request.path_params["finding"])["evidence"]:
        name, healthy = item["name"], tuple(item.get("healthy", (None, None)))
        figure = evidence_figure(history, name, healthy, words)
        if figure is not None:
            drawn.append({"name": name, "figure": parse(str(figure.to_json()), name)})
    return JSONResponse(drawn)


def remedies(request: Request) -> Response:
    """What each remedy of a finding would change here, and the run that is trained so."""
    try:
        found = _cures(studio_of(request), request.path_params)
        return JSONResponse(found.to_json())
    except InputError as error:  # a configuration of a plug-in that is not here
        return JSONResponse({"error": in_languages(str(error)), "remedies": []})


async def apply(request: Request) -> Response:
    """Start the run that a remedy makes of this one; returns its id."""
    await command_of(request, Nothing)
    studio, names = studio_of(request), request.path_params

    def begin() -> dict[str, str]:
        found = {one.remedy: one.order for one in _cures(studio, names).remedies}
        order = found.get(names["remedy"])
        if order is None:
            raise NotFound("There is no such remedy for this run.")
        job = studio.jobs.start(order.argv, order.name)
        studio.library.forget()
        return {"id": studio.library.id_of(studio.library.root / order.name), "job": job}

    return JSONResponse(await in_thread(begin))


def _cures(studio: Studio, names: dict[str, str]) -> Cures:
    run = studio.library.run(names["id"])
    finding = Finding.from_json(_line(run, names["finding"]))
    return cures(run, finding, studio.library.root)


def _line(run: Run, name: str) -> dict[str, Any]:
    """The last line of findings.jsonl in which this was found."""
    found = [line for line in run.findings if line["event"] == "found" and line["name"] == name]
    if not found:
        raise NotFound("The doctor has not found this in this run.")
    return found[-1]


def sample(request: Request) -> Response:
    """One sample grid."""
    return _picture(request, _run(request).samples)


def real(request: Request) -> Response:
    """Real images of a kind that the generator leaves out."""
    folder = _run(request).samples_folder / "bins"
    return _picture(request, list(folder.glob("*.png")) if folder.is_dir() else [])


def _picture(request: Request, files: list[Any]) -> Response:
    file = {path.name: path for path in files}.get(request.path_params["name"])
    if file is None:
        raise NotFound("There is no such picture.")
    return picture_response(read_bytes(file), request)


VIEW = View(
    name="live",
    order=2,
    in_menu=False,
    routes=[
        Route("/{id}", overview),
        Route("/{id}/figures", figures),
        Route("/{id}/evidence/{finding}", evidence),
        Route("/{id}/remedies/{finding}", remedies),
        Route("/{id}/remedies/{finding}/{remedy}", apply, methods=["POST"]),
        Route("/{id}/samples/{name}", sample),
        Route("/{id}/bins/{name}", real),
    ],
)
