"""What the broker says of the queue that workers take from."""

from __future__ import annotations

from typing import Any, Final

from celery import current_app
from kombu.exceptions import ChannelError

QUEUE: Final = "git_sync"
BROKER_SECONDS: Final = 3
"""How long a broker may take to be connected to."""


def queue_length() -> int:
    """How many messages no worker has taken yet. Raises what the broker's client raises."""
    with current_app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=0, timeout=BROKER_SECONDS)
        try:
            channel: Any = broker.default_channel  # whose stub knows nothing of what it does
            return int(channel.queue_declare(queue=QUEUE, passive=True).message_count)
        except ChannelError:  # on Redis an empty queue is no queue, and RabbitMQ has none before the first worker
            return 0
