"""The publish path beneath ``delay``: the calls of a batch leave as one command instead of one by one.

A call costs Celery and kombu 0.4 to 1 ms, nearly all of it spent on composing the same message again. A batch has
Celery compose one message, keeps the command that kombu would send for it, and repeats that command's text with
other identifiers. Nothing of Celery's message format is known here: what cannot be repeated that way (another
transport, compression, signal receivers that want to see each message) goes Celery's own way.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from celery import Task, signals

from netbox_hedgehog.observability.tracing import headers_of_span, span

# Stands for the fabric's id in the message that is repeated; no row has it, and no other number looks like it.
_SOME_ID: Final = 9_111_111_111_111_111_119

CLAIM_HEADER: Final = "hedgehog_claim"
"""The header of a message that may begin one claim only, and the claim's token."""

_current: ContextVar[_Batch | None] = ContextVar("batch", default=None)


class BatchedTask(Task[Any, Any]):
    """A task of one whole number, whose plain calls (``delay(number)``) are sent together while a batch is open."""

    abstract = True

    @contextmanager
    def batch(self, claim: UUID | None = None) -> Iterator[None]:
        """Hold back this thread's plain calls of the task and send them all, or none, when the block ends.

        Each message names the ``claim`` that it is to begin. An error inside the block discards them. An error at its
        end means that the broker did not confirm them.
        """
        with self.app.producer_or_acquire() as producer:
            batch = _Batch(self, producer, {CLAIM_HEADER: str(claim)} if claim else {})
            token = _current.set(batch)
            try:
                yield
            finally:
                _current.reset(token)
            with span("publish", messages=len(batch.numbers)):
                batch.send()

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        """Send the task as Celery does, or leave it to the open batch; then there is no result object to return."""
        batch = _current.get()
        if batch is None or batch.task.name != self.name or kwargs or more or options or not _is_one_number(args):
            return super().apply_async(args, kwargs, *more, **_traced(options))
        if not batch.defers:
            return super().apply_async(args, kwargs, **batch.options({"producer": batch.producer}))
        batch.numbers.append(args[0])
        return None


def _traced(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` of a call, with what its task needs to continue the span under way."""
    carried = headers_of_span()
    return options | {"headers": {**(options.get("headers") or {}), **carried}} if carried else options


def _is_one_number(args: Any) -> bool:
    return isinstance(args, (tuple, list)) and len(args) == 1 and type(args[0]) is int


class _Batch:
    """The calls held back in one block, and the pooled producer that serves it."""

    def __init__(self, task: BatchedTask, producer: Any, headers: dict[str, str]) -> None:
        self.task = task
        self.producer = producer
        self.headers = headers
        self.defers = _can_defer(task, producer)
        self.numbers: list[int] = []

    def send(self) -> None:
        """Push what was held back with one command, which the broker takes as a whole or not at all."""
        if self.numbers:
            template = _Template.of(self)
            self.push(template.key, [template.message(number) for number in self.numbers])

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """``options`` of a call, with what each message of the batch carries."""
        return _traced(options | {"headers": self.headers})

    def push(self, key: str, messages: list[str]) -> None:
        """LPUSH under Celery's own retry policy. A repetition at worst duplicates messages; the claims make that
        harmless.
        """

        def push() -> None:
            with self.producer.channel.conn_or_acquire() as client:
                client.lpush(key, *messages)

        policy = self.task.app.conf.task_publish_retry_policy
        self.producer.connection.ensure(self.producer, push, **policy)()


def _can_defer(task: BatchedTask, producer: Any) -> bool:
    """Whether repeating a message's text is the same as sending each: Redis, plain JSON, and no one listening."""
    conf = task.app.conf
    transport = producer.connection.transport
    return (
        transport.driver_type == "redis"
        and transport.implements.batch_publish
        and not conf.task_always_eager
        and not conf.task_send_sent_event
        and not conf.task_compression
        and conf.task_serializer == "json"
        and conf.task_protocol == 2  # noqa: PLR2004 - the first has no headers to repeat
        and not signals.before_task_publish.receivers
        and not signals.after_task_publish.receivers
    )


class _Template(NamedTuple):
    """A message of the task with gaps for what differs: fabric, task id, delivery tag and body."""

    key: str
    text: str
    body: str

    @classmethod
    def of(cls, batch: _Batch) -> _Template:
        """Have Celery compose a message, with its expiry counted from now, and cut the gaps."""
        task_id = str(uuid4())
        key, text = _composed(batch, task_id)
        message = json.loads(text)
        body = base64.b64decode(message["body"]).decode()
        gaps = {
            "body": message["body"],
            "tag": message["properties"]["delivery_tag"],
            "id": task_id,  # also the root's, unless the message is sent from within another task
            "number": str(_SOME_ID),
        }
        return cls(key, _with_gaps(text, gaps), _with_gaps(body, {"number": str(_SOME_ID)}))

    def message(self, number: int) -> str:
        """Return the message for one fabric."""
        body = base64.b64encode((self.body % {"number": number}).encode()).decode()
        return self.text % {"body": body, "tag": uuid4(), "id": uuid4(), "number": number}


def _with_gaps(text: str, gaps: dict[str, str]) -> str:
    """``text`` as a %-format in which each value of ``gaps`` has become a gap of its name."""
    text = text.replace("%", "%%")
    for name, value in gaps.items():
        text = text.replace(value, f"%({name})s")
    return text


def _composed(batch: _Batch, task_id: str) -> tuple[str, str]:
    """Key and text of the one LPUSH by which kombu would send ``task_id``."""
    task = batch.task
    recorder: Any = _Recorder(batch.producer.channel)
    producer = task.app.amqp.Producer(recorder, auto_declare=False)
    # A retry would replace the recorder by a real channel. And nobody learns the id of such a task, so nobody would
    # ever ask for its result.
    alone = {"retry": False, "add_to_parent": False, "ignore_result": True}
    options = batch.options({"task_id": task_id, "producer": producer, **alone})
    Task.apply_async(task, (_SOME_ID,), {}, **options)
    ((command, key, text),) = recorder.commands
    if command != "lpush":
        raise NotImplementedError(f"kombu sends messages by {command}")
    return key, text


class _Recorder:
    """Stands for a Redis channel and keeps the commands that a publish would send through it.

    It plays the part of kombu's own publish batch, to which a Redis channel hands its final commands.
    """

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.commands: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.channel, name)

    def basic_publish(self, message: dict[str, Any], **options: Any) -> Any:
        """Route the message as the channel does, but keep its command."""
        return self.channel.basic_publish(message, _publish_batch=self, **options)

    def add(self, *command: str) -> None:
        """Take a command from the channel."""
        self.commands.append(command)
