"""`/v1/jobs`: an analysis that takes longer than anybody waits.

POST gives an id at once, GET how far it is and the answers that there are; /cancel ends it and keeps these, DELETE ends
it and forgets it. Every worker knows every job.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pixwise.serve.accepting import form_wanted
from pixwise.serve.analysing import asked_of, planned
from pixwise.serve.asking import Ask
from pixwise.serve.bodies import read_pictures
from pixwise.serve.description import json_answer, problems
from pixwise.serve.guard import ask_of
from pixwise.serve.jobs import Jobs
from pixwise.serve.problems import Problem
from pixwise.serve.service import Service
from pixwise.serve.spool import Head, State
from pixwise.serve.v1 import TASK_PROBLEMS
from pixwise.serve.v1_analyze import names_of
from pixwise.serve.v1_schemas import JOB_WITH_ANSWERS, JOBS, TASKS_IN_QUERY, many_pictures

__all__ = ["job_routes"]

_JSON = ("application/json",)


def job_routes(service: Service) -> APIRouter:
    """Give, look, list, end; the worker looks for jobs as long as the application lives."""
    jobs, most = Jobs(service), service.settings.job_pictures

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        jobs.start()
        try:
            yield
        finally:
            await jobs.close(service.grace_left())

    router = APIRouter(prefix="/v1/jobs", tags=["jobs"], lifespan=lifespan)

    @router.post("", status_code=202, name="create_job", operation_id="create_job", response_class=Response,
                 summary="Give an analysis of many pictures, to be done in the background.",
                 openapi_extra={"requestBody": {"required": True, "content": many_pictures(most)},
                                "parameters": [TASKS_IN_QUERY]},
                 responses={**_job_answer("The job; it begins when there is time for it.", 202),
                            **problems(*TASK_PROBLEMS)})  # fmt: skip
    async def create(request: Request) -> Response:
        form_wanted(request.headers.get("accept", ""), _JSON)
        pictures = await read_pictures(request, service.settings, most)
        asked = asked_of(pictures)
        planned(service, asked, service.settings)  # what is wrong with the request is told now
        caller = ask_of(request).caller
        head = await asyncio.to_thread(jobs.accept, caller, asked, pictures.sources, names_of(pictures))
        jobs.wake()
        answer = _response(job_of(jobs, head), 202)
        answer.headers["Location"] = f"/v1/jobs/{head.id}"
        return answer

    @router.get("", name="jobs", operation_id="jobs", response_class=Response, summary="List your jobs, newest first.",
                responses={**json_answer(JOBS, "The jobs, without answers."), **problems(400, 406, 422)})  # fmt: skip
    async def listed(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    ) -> Response:
        form_wanted(request.headers.get("accept", ""), _JSON)
        caller, settings = ask_of(request).caller, service.settings
        if settings.open and not settings.keys:  # everybody behind a gateway may be one caller
            return _response({"object": "list", "data": []})
        mine = [head for head in await asyncio.to_thread(jobs.spool.heads) if head.caller == caller]
        return _response({"object": "list", "data": [job_of(jobs, head) for head in reversed(mine[-limit:])]})

    @router.get("/{job}", name="job", operation_id="job", response_class=Response,
                summary="Tell how far a job is, and the answers that there are.",
                responses={**json_answer(JOB_WITH_ANSWERS, "The job and its answers."),
                           **problems(400, 404, 406, 422)})  # fmt: skip
    async def told(
        request: Request,
        job: str,
        first: Annotated[int, Query(ge=0, le=10**9, description="answers from this picture on")] = 0,
        count: Annotated[int, Query(ge=0, le=10_000, description="of so many pictures; 0 for none")] = 1000,
    ) -> Response:
        form_wanted(request.headers.get("accept", ""), _JSON)
        head = _mine(service, jobs, ask_of(request), job)
        return Response(await asyncio.to_thread(_with_answers, jobs, head, first, count), media_type=_JSON[0])

    @router.post("/{job}/cancel", name="cancel_job", operation_id="cancel_job", response_class=Response,
                 summary="End a job; the answers that there are stay.",
                 responses={**_job_answer("The job, ended."), **problems(400, 404, 406, 422)})  # fmt: skip
    async def cancelled(request: Request, job: str) -> Response:
        form_wanted(request.headers.get("accept", ""), _JSON)
        head = _mine(service, jobs, ask_of(request), job)
        await asyncio.to_thread(jobs.cancel, head.id)
        return _response(job_of(jobs, head))

    @router.delete("/{job}", name="delete_job", operation_id="delete_job", response_class=Response,
                   summary="Forget a job and its answers; one that goes on is cancelled.",
                   responses={**_job_answer("The job as it was."), **problems(400, 404, 406, 422)})  # fmt: skip
    async def deleted(request: Request, job: str) -> Response:
        form_wanted(request.headers.get("accept", ""), _JSON)
        head = _mine(service, jobs, ask_of(request), job)
        await asyncio.to_thread(jobs.cancel, head.id)
        last = job_of(jobs, head)
        await asyncio.to_thread(jobs.spool.remove, head.id)
        return _response(last)

    return router


def _job_answer(description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    answer = json_answer({"$ref": "#/components/schemas/Job"}, description, status)
    if status == 202:
        where = {"description": "where the job is", "schema": {"type": "string"}}
        answer[status]["headers"] = {"Location": where}
    return answer


def _mine(service: Service, jobs: Jobs, ask: Ask, job: str) -> Head:
    """A job of whoever asks: of his key; where there are no keys, of whoever knows the id, which cannot be guessed."""
    head = jobs.spool.head(job)
    if head is None or (service.settings.keys and head.caller != ask.caller):
        raise Problem(404, f"job must be one of yours that is kept, got {job[:80]!r}; GET /v1/jobs lists them",
                      "unknown-job")  # fmt: skip
    return head


def job_of(jobs: Jobs, head: Head) -> dict[str, Any]:
    """What is told of a job."""
    state: State = jobs.spool.state(head.id)
    cancelling = not state.ended and jobs.spool.is_cancelled(head.id)
    keep_s = jobs.service.settings.job_ttl_s
    return {
        "id": head.id,
        "object": "job",
        "status": "cancelled" if cancelling else state.status,
        "message": state.message,
        "tasks": [told["task"] for told in head.tasks],
        "pictures": len(head.pictures),
        "done": len(state.done),
        "failed": sum(kind == "error" for kind in state.done.values()),
        "created": _time(head.created),
        "ended": _time(state.ended) if state.ended else None,
        "expires": _time(state.ended + keep_s) if state.ended else None,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _with_answers(jobs: Jobs, head: Head, first: int, count: int) -> bytes:
    job = json.dumps(job_of(jobs, head)).encode()
    answers = [b'{"index": %d, %s' % (number, told[1:]) for number, told in jobs.spool.answers(head.id, first, count)]
    return job[:-1] + b', "answers": [' + b", ".join(answers) + b"]}"


def _response(told: Any, status: int = 200) -> Response:
    return Response(json.dumps(told), status, media_type=_JSON[0])
