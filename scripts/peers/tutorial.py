"""The tutorial's subscriber, as most people write it: paho-mqtt and pymongo, one insert_one for each message.

Its peer in the benchmark is iot-sub; the payload is a number, as there. Ends after COUNT messages, and prints how many
seconds passed from the first to the last, and how many seconds of processor time it has used.

    tutorial.py PORT MONGODB_URL COUNT
"""

import datetime
import sys
import time

import paho.mqtt.client as mqtt
import pymongo

port, url, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
collection = pymongo.MongoClient(url)["iot_service"]["tutorial"]
received = 0
start = None


def on_connect(client, userdata, flags, reason_code, properties):
    client.subscribe("iot/#", qos=1)


def on_message(client, userdata, message):
    global received, start
    if start is None:
        start = time.monotonic()
    collection.insert_one(
        {
            "topic": message.topic,
            "value": float(message.payload.decode()),
            "reg_date": datetime.datetime.now(datetime.timezone.utc),
        }
    )
    received += 1
    if received == count:
        print(time.monotonic() - start, time.process_time(), flush=True)
        client.disconnect()


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
