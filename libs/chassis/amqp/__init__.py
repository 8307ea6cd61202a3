"""The broker: a publisher that only believes confirms, a consumer that survives reconnects, a doctor for queues.

What it raises is a BrokerFault:

* BrokerAway: there is no link, or the broker takes nothing for now. Wait.
* PublishFailed: not confirmed, so perhaps there and perhaps not. Publish again with the same event id.
* Refused, a PublishFailed: the broker is there, and this message it did not take.
"""

from chassis.amqp.connection import BROKEN, DEADLINE, BrokerAway, BrokerFault
from chassis.amqp.consumer import Consumer
from chassis.amqp.doctor import Doctor, Examined, State
from chassis.amqp.publisher import Publisher, PublisherStuck, PublishFailed, Refused

PUBLISH_DEADLINE = DEADLINE

__all__ = [
    "BROKEN",
    "PUBLISH_DEADLINE",
    "BrokerAway",
    "BrokerFault",
    "Consumer",
    "Doctor",
    "Examined",
    "PublishFailed",
    "Publisher",
    "PublisherStuck",
    "Refused",
    "State",
]
