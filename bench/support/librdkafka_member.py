# A consumer of librdkafka (confluent-kafka) in a cooperative group. Says a line of JSON for what it gets, loses and has handled;
# leaves the group when its input ends.
import json
import sys
import threading
import time

from confluent_kafka import Consumer, TopicPartition, libversion

brokers, group, topic, name = sys.argv[1:]
over = threading.Event()
done = {}


def say(**event):
    print(json.dumps({**event, "timestamp": time.time() * 1000}), flush=True)


def revoked(consumer, partitions):
    offsets = [TopicPartition(topic, p.partition, done.pop(p.partition)) for p in partitions if p.partition in done]
    if offsets:
        consumer.commit(offsets=offsets, asynchronous=False)
    say(event="revoked", partitions=[p.partition for p in partitions])


def lost(consumer, partitions):
    for p in partitions:
        done.pop(p.partition, None)
    say(event="lost", partitions=[p.partition for p in partitions])


def assigned(consumer, partitions):
    say(event="assigned", partitions=[p.partition for p in partitions])


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
while not over.is_set():
    message = consumer.poll(0.05)
    if message is None or message.error():
        continue
    done[message.partition()] = message.offset() + 1
    say(event="handled", partition=message.partition(), offset=message.offset())
say(event="closing")  # it handles nothing from here on
consumer.close()
