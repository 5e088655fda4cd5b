"""Round trip of the unmodified confluent-kafka client against a registry: python <this> <url> <subject prefix>.

Prints one JSON object with what the client saw, for the calling test to judge.
"""

import json
import sys
import uuid

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

url, prefix = sys.argv[1:3]
client = SchemaRegistryClient({"url": url})
seen = {}

# Avro, with the subject by topic name
avro_topic = prefix + "-avro"
avro_text = json.dumps(
    {
        "type": "record",
        "name": "User",
        "namespace": "acme." + prefix.replace("-", "_"),
        "fields": [
            {"name": "name", "type": "string", "confluent:tags": ["PII"]},
            {"name": "age", "type": ["null", "int"], "default": None},
        ],
    }
)
context = SerializationContext(avro_topic, MessageField.VALUE)
payload = AvroSerializer(client, avro_text)({"name": "Ada", "age": 36}, context)
seen["avro"] = AvroDeserializer(client)(payload, context)
seen["avroFrame"] = payload[:5].hex()

# JSON Schema
json_topic = prefix + "-json"
json_text = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Order",
        "type": "object",
        "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["id"],
    }
)
context = SerializationContext(json_topic, MessageField.VALUE)
payload = JSONSerializer(json_text, client, lambda order, _: order)({"id": 7, "note": "x"}, context)
seen["json"] = JSONDeserializer(json_text, schema_registry_client=client)(payload, context)

# Protobuf: a message with an import, as generated code would bring it
file = descriptor_pb2.FileDescriptorProto(name="acme/person.proto", package="acme", syntax="proto3")
file.dependency.append("google/protobuf/timestamp.proto")
person = file.message_type.add(name="Person")
person.field.add(name="name", number=1, type=9, label=1, json_name="name")
person.field.add(name="born", number=2, type=11, label=1, type_name=".google.protobuf.Timestamp", json_name="born")
pool = descriptor_pool.Default()
pool.Add(file)
Person = message_factory.GetMessageClass(pool.FindMessageTypeByName("acme.Person"))
proto_topic = prefix + "-proto"
context = SerializationContext(proto_topic, MessageField.VALUE)
payload = ProtobufSerializer(Person, client)(Person(name="ok", born=timestamp_pb2.Timestamp(seconds=5)), context)
seen["protobuf"] = ProtobufDeserializer(Person, {"use.deprecated.format": False}, client)(payload, context).name

# The client's own calls
subject = avro_topic + "-value"
latest = client.get_latest_version(subject)
seen["latest"] = [latest.subject, latest.version, latest.schema.schema_type]
seen["versions"] = client.get_versions(subject)
seen["lookup"] = client.lookup_schema(subject, Schema(avro_text, "AVRO")).version
seen["byId"] = json.loads(client.get_schema(latest.schema_id).schema_str)["name"]
seen["listed"] = subject in client.get_subjects()
client.set_compatibility(subject_name=subject, level="FULL")
seen["compatibility"] = client.get_compatibility(subject)
breaking = json.dumps({"type": "record", "name": "User", "namespace": "other", "fields": [{"name": "id", "type": "int"}]})
seen["compatible"] = client.test_compatibility(subject, Schema(breaking, "AVRO"))
try:
    client.register_schema(subject, Schema(breaking, "AVRO"))
except SchemaRegistryError as error:
    seen["refused"] = [error.http_status_code, error.error_code]
try:
    client.register_schema(prefix + "-bad", Schema('{"type": "record"}', "AVRO"))
except SchemaRegistryError as error:
    seen["invalid"] = [error.http_status_code, error.error_code]
address = prefix + "-address"
client.register_schema(
    address,
    Schema(json.dumps({"type": "record", "name": "Address", "namespace": "acme", "fields": [{"name": "city", "type": "string"}]}), "AVRO"),
)
holder = json.dumps({"type": "record", "name": "Holder", "namespace": "acme", "fields": [{"name": "at", "type": "acme.Address"}]})
client.register_schema(prefix + "-holder", Schema(holder, "AVRO", [SchemaReference("acme.Address", address, 1)]))
seen["reference"] = client.get_latest_version(prefix + "-holder").schema.references[0].name
seen["deleted"] = client.delete_subject(prefix + "-holder")
try:
    client.get_latest_version("none-" + str(uuid.uuid4()))
except SchemaRegistryError as error:
    seen["missing"] = [error.http_status_code, error.error_code]

print(json.dumps(seen))
