"""A host that reads Sparkplug messages with mqtt-spb-wrapper: sparkplug_host.py PORT

Prints each message as `TYPE NODE[/DEVICE] SEQ NAME=VALUE …`, in which aliases are names again. The line `rebirth NODE` on standard
input sends the command to the node.
"""

import sys
import time

sys.path.pop(0)

import paho.mqtt.client as mqtt
from mqtt_spb_wrapper import SpbPayloadParser, SpbTopic
from mqtt_spb_wrapper.spb_protobuf import MetricDataType, Payload, addMetric

names = {}


def received(client, _, message):
    topic = SpbTopic(message.topic)
    if topic.message_type.endswith("CMD"):
        return
    payload = SpbPayloadParser(message.payload).as_dict()
    words = [topic.message_type, topic.eon_name, payload.get("seq", "-")]
    if topic.eon_device_name:
        words[1] += "/" + topic.eon_device_name
    for metric in payload.get("metrics", []):
        if topic.message_type.endswith("BIRTH") and "alias" in metric:
            names[topic.eon_name, int(metric["alias"])] = metric["name"]
        name = metric.get("name") or names[topic.eon_name, int(metric["alias"])]
        unit = metric.get("properties", {}).get("key_value", {}).get("engUnit", "")
        value = next((metric[key] for key in metric if key.endswith("Value")), None)
        words.append(f"{name}={value}{unit}".replace(" ", "_"))
    print(*words, flush=True)


client = mqtt.Client()
client.on_message = received
client.on_subscribe = lambda *_: print("subscribed", flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
client.subscribe("spBv1.0/plant/#")
client.loop_start()
for line in sys.stdin:
    command, node = line.split()
    payload = Payload()
    addMetric(payload, "Node Control/Rebirth", None, MetricDataType.Boolean, True, int(time.time() * 1000))
    client.publish(f"spBv1.0/plant/NCMD/{node}", bytearray(payload.SerializeToString()))
client.loop_stop()
