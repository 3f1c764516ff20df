# A consumer of librdkafka (confluent-kafka) in a cooperative group. Says a line of JSON for what it gets, loses and has handled;
# leaves the group when its input ends.
import json
import struct
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition, libversion

brokers, group, topic, name = sys.argv[1:]
over = threading.Event()
done = {}


def say(**event):
    print(json.dumps({**event, "timestamp": time.time() * 1000}), flush=True)


def generation(consumer):
    """Of the membership now, -1 for none: after the seven bytes of its magic in what librdkafka writes for a transaction."""
    return struct.unpack_from("=i", consumer.consumer_group_metadata(), 7)[0]


def commit(consumer, numbers):
    offsets = [TopicPartition(topic, number, done.pop(number)) for number in numbers if number in done]
    if not offsets:
        return
    try:
        stored = consumer.commit(offsets=offsets, asynchronous=False)
        said = [{"partition": o.partition, "offset": o.offset} for o in stored if o.error is None]
        say(event="committed", offsets=said)
    except KafkaException as refused:
        say(event="uncommitted", reason=str(refused))


def revoked(consumer, partitions):
    numbers = [p.partition for p in partitions]
    commit(consumer, numbers)
    say(event="revoked", partitions=numbers, generation=generation(consumer))


def lost(consumer, partitions):
    for p in partitions:
        done.pop(p.partition, None)
    say(event="lost", partitions=[p.partition for p in partitions])


def assigned(consumer, partitions):
    numbers = [p.partition for p in partitions]
    say(event="assigned", partitions=numbers, generation=generation(consumer))


consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": group,
        "client.id": name,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 10000,
        "heartbeat.interval.ms": 1000,
    }
)
consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
say(event="started", version=libversion()[0])
commit_at = time.monotonic() + 1
while not over.is_set():
    message = consumer.poll(0.05)
    if message is not None and not message.error():
        done[message.partition()] = message.offset() + 1
        say(event="handled", partition=message.partition(), offset=message.offset())
    if time.monotonic() >= commit_at:
        commit(consumer, list(done))
        commit_at = time.monotonic() + 1
commit(consumer, list(done))
say(event="closing")  # it handles nothing from here on
consumer.close()
