"""The unmodified confluent-kafka client beside a protection stream: python <this> <brokers> <registry> <raw> <clean> <messages>.

Writes three Avro records to the raw topic, by the newest schema of its subject, and reads the protected topic until so many
messages have come. Prints them, decoded, as one JSON list, for the calling test to judge.
"""

import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, registry, raw, clean, wanted = sys.argv[1:6]
client = SchemaRegistryClient({"url": registry})

newest = client.get_latest_version(raw + "-value").schema.schema_str
serialize = AvroSerializer(client, newest, conf={"auto.register.schemas": False, "use.latest.version": True})
producer = Producer({"bootstrap.servers": brokers})
context = SerializationContext(raw, MessageField.VALUE)
for n in range(3):
    record = {"account": "AC2", "from": "+35123456789" + str(n), "mail": "ana.%d@example.org" % n, "ms": n}
    producer.produce(raw, key="python-%d" % n, value=serialize(record, context), partition=0)
if producer.flush(30) > 0:
    sys.exit("not everything was written")

deserialize = AvroDeserializer(client)
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "python-" + clean, "auto.offset.reset": "earliest"})
consumer.subscribe([clean])
seen = []
while len(seen) < int(wanted):
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        sys.exit(str(message.error()))
    value = deserialize(message.value(), SerializationContext(clean, MessageField.VALUE))
    seen.append([message.key().decode(), value])
consumer.close()
print(json.dumps(seen))
