"""Publishes the same message so many times with paho-mqtt: paho.py PORT TOPIC PAYLOAD QOS COUNT [WINDOW]

With a window, so many are in flight at once, and ten times as many are queued: the queue has no limit of its own."""

import collections
import sys

# The folder of this file, which is named like the library.
sys.path.pop(0)

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

port, topic, payload, qos, count, *window = sys.argv[1:]
client = Client(CallbackAPIVersion.VERSION2)
ahead = None
if window:
    client.max_inflight_messages_set(int(window[0]))
    ahead = 10 * int(window[0])
client.connect("127.0.0.1", int(port))
client.loop_start()
under_way = collections.deque(maxlen=ahead or 1)
for _ in range(int(count)):
    if ahead and len(under_way) == ahead:
        under_way[0].wait_for_publish()
    under_way.append(client.publish(topic, payload, int(qos)))
under_way[-1].wait_for_publish()
client.disconnect()
client.loop_stop()
