"""A Sparkplug edge node with one device, on mqtt-spb-wrapper: sparkplug_node.py PORT

Reads commands from standard input, and prints each when it is done:

    birth       NBIRTH of plant/line1, then DBIRTH of its device press
    data VALUE  DDATA with the value, by alias only
    named VALUE DDATA as the library sends it, with name and alias
    lose        takes a number, as if a message was lost
    quit        ends with the library's NDEATH

Prints `rebirth` and sends both BIRTHs again when NCMD asks for it.
"""

import sys
import threading
import time

# The folder of this file, so that no library of the same name is found in it.
sys.path.pop(0)

import paho.mqtt.client as paho
from mqtt_spb_wrapper import MqttSpbEntityDevice, MqttSpbEntityEdgeNode
from mqtt_spb_wrapper.spb_protobuf import MetricDataType, addMetric, getDdataPayload

FORCE = 7
DEADLINE = 30  # seconds

node_is_born = threading.Event()


def say(text):
    print(text, flush=True)


def now():
    return int(time.time() * 1000)


def birth():
    node_is_born.clear()
    node.publish_birth()
    # The device has a connection of its own: its BIRTH must not overtake.
    if not node_is_born.wait(DEADLINE):
        sys.exit("the broker does not deliver NBIRTH")
    device.publish_birth()


def watch(port):
    """Subscribes to NBIRTH, which sets `node_is_born`."""
    subscribed = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2) if hasattr(paho, "CallbackAPIVersion") else paho.Client()
    client.on_message = lambda *_: node_is_born.set()
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.subscribe("spBv1.0/plant/NBIRTH/line1")
    client.loop_start()
    if not subscribed.wait(DEADLINE):
        sys.exit("the broker does not answer")


def command(payload):
    if any(metric["name"] == "Node Control/Rebirth" and metric["value"] for metric in payload["metrics"]):
        # What the thread of the node publishes is sent after this call.
        threading.Thread(target=rebirth).start()


def rebirth():
    birth()
    say("rebirth")


# The command that the library would add cannot be called.
node = MqttSpbEntityEdgeNode("plant", "line1", include_spb_rebirth=False)
node.commands.set_value("Node Control/Rebirth", False)
node.attributes.set_value("maker", "ACME")
node.data.set_value("load", -5, spb_data_type=MetricDataType.Int8)
node.on_command = command
device = MqttSpbEntityDevice("plant", "line1", "press")
device.data.set_value("force", 2.5, spb_alias_num=FORCE, spb_data_type=MetricDataType.Double)
device.data.set_value("open", True)
device.data.set_value("table", {"a": [1, 2], "b": ["x", "y"]}, spb_data_type=MetricDataType.DataSet)
assert node.connect("127.0.0.1", int(sys.argv[1]))
assert device.connect("127.0.0.1", int(sys.argv[1]), skip_death=True)
watch(int(sys.argv[1]))
say("connected")

for line in sys.stdin:
    name, *value = line.split()
    if name == "birth":
        birth()
    elif name == "data":
        payload = getDdataPayload()
        addMetric(payload, None, FORCE, MetricDataType.Double, float(value[0]), now())
        node._mqtt_payload_publish("spBv1.0/plant/DDATA/line1/press", bytearray(payload.SerializeToString()))
    elif name == "named":
        device.data["force"].value = float(value[0])
        device.data["force"].timestamp_update()
        device.publish_data()
    elif name == "lose":
        getDdataPayload()
    elif name == "quit":
        break
    say(line.strip())
device.disconnect(skip_death_publish=True)
node.disconnect()
