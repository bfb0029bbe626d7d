"""Publishes the same message so many times with paho-mqtt: paho.py PORT TOPIC PAYLOAD QOS COUNT"""

import os
import sys

# The folder of this file, which is named like the library.
sys.path.pop(0)

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

port, topic, payload, qos, count = sys.argv[1:]
client = Client(CallbackAPIVersion.VERSION2)
client.connect("127.0.0.1", int(port))
client.loop_start()
for _ in range(int(count)):
    last = client.publish(topic, payload, int(qos))
last.wait_for_publish()
client.disconnect()
client.loop_stop()
