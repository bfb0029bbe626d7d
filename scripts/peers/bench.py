"""Runs the publishers in turn and prints what a message costs each: called by scripts/bench."""

import argparse
import json
import os
import platform
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time

TOPIC = "iot/bench"
PAYLOAD = "25.674758177121582"
# How many QoS 1 messages are in flight with all of them but MQTT.js, which has no limit.
DEFAULT_WINDOW = 20
# The longest that a publisher may take.
DEADLINE = 120
HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A mosquitto of our own, with its defaults but for queues without a limit."""

    def __init__(self):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "mosquitto.conf")
        with open(path, "w") as config:
            config.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
            config.write("max_queued_messages 0\nlog_type none\n")
        self.process = subprocess.Popen(["mosquitto", "-c", path], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    sys.exit("bench: mosquitto does not start")
                time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Counter:
    """A subscriber with QoS 0 that only counts bytes: all messages are of the same size."""

    SIZE = 2 + 2 + len(TOPIC) + len(PAYLOAD)

    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port))
        self.stream.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05count")
        self.read(4)
        topic = TOPIC.encode()
        self.stream.sendall(
            bytes([0x82, 5 + len(topic), 0, 1, 0, len(topic)]) + topic + b"\x00"
        )
        self.read(5)
        self.bytes = 0

    def read(self, count):
        while count:
            count -= len(self.stream.recv(count))

    def wait(self, count, process):
        """Waits until so many have come; returns how many did, and when the last one did."""
        end = time.monotonic() + DEADLINE
        last = time.monotonic()
        wanted = count * self.SIZE
        while self.bytes < wanted and time.monotonic() < end:
            ready, _, _ = select.select([self.stream], [], [], 2)
            if ready:
                self.bytes += len(self.stream.recv(1 << 20))
                last = time.monotonic()
            elif process.poll() is not None:
                break
        arrived = self.bytes // self.SIZE
        self.bytes = 0
        return arrived, last


def publishers(args, port, window):
    """Returns the command of each publisher. `window` is the number of QoS 1 messages in flight."""
    rest = [TOPIC, PAYLOAD]

    def iot_pub(qos, count):
        # What the others do, too: no latency is measured, and little is queued that is not on its way.
        options = f"-p {port} -q {qos} --count {count} --rate 1000000000/s -M {window} --max-queued {10 * window}"
        return [args.program, "-h", "127.0.0.1", *options.split(), "-t", TOPIC, "-m", PAYLOAD]

    def mosquitto_pub(qos, count):
        options = f"-p {port} -q {qos} -M {window}"
        return ["mosquitto_pub", *options.split(), "-t", TOPIC, "-l"]

    def mqtt_js(qos, count):
        script = f"{HERE}/mqttjs.js"
        return ["node", script, str(port), *rest, str(qos), str(count), str(window)]

    def paho(qos, count):
        script = f"{HERE}/paho.py"
        arguments = [str(port), *rest, str(qos), str(count)]
        python = f"{args.cache}/python/bin/python3"
        return [python, script, *arguments, *([str(window)] if qos else [])]

    return {"iot-pub": iot_pub, "mosquitto_pub": mosquitto_pub, "MQTT.js": mqtt_js, "paho-mqtt": paho}


def run(args, name, command, counter, count):
    """Returns microseconds of processor time a message, and messages a second until the last has arrived."""
    environment = dict(os.environ, NODE_PATH=f"{args.cache}/node_modules")
    lines = None
    if name == "mosquitto_pub":
        # It ends with its input and forgets what it has not sent by then: so the input stays open until all is there.
        lines = tempfile.TemporaryFile()
        lines.write((PAYLOAD + "\n").encode() * count)
        lines.seek(0)
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE if lines else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    if lines:
        feeder = subprocess.Popen(["cat"], stdin=lines, stdout=process.stdin)
    arrived, last = counter.wait(count, process)
    if lines:
        feeder.wait()
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or arrived < count:
        print(f"  {name}: {arrived} of {count} arrived, exit code {process.returncode}")
    cost = (usage.ru_utime + usage.ru_stime) / max(arrived, 1) * 1e6
    return cost, arrived / (last - start)


def compare(args, broker, qos, count, window=DEFAULT_WINDOW):
    on_their_way = f", {window} in flight" if qos else ""
    print(f"\nQoS {qos}, {count} messages at full speed{on_their_way}, median of {args.rounds} rounds:")
    counter = Counter(broker.port)
    everyone = publishers(args, broker.port, window)
    results = {name: [] for name in everyone}
    for _ in range(args.rounds):
        for name, command in everyone.items():
            results[name].append(run(args, name, command(qos, count), counter, count))
    ours = statistics.median(cost for cost, _ in results["iot-pub"])
    print(f"  {'':15}{'µs CPU a message':>18}{'iot-pub / it':>14}{'messages/s':>12}")
    for name, rounds in results.items():
        cost = statistics.median(cost for cost, _ in rounds)
        rate = statistics.median(rate for _, rate in rounds)
        print(f"  {name:15}{cost:18.2f}{ours / cost:14.2f}{rate:12.0f}")


def held(args, broker, qos, options):
    command = [args.program, "-h", "127.0.0.1", "-p", str(broker.port), "-q", str(qos)]
    command += [*options.split(), "--report", "json"]
    before = os.times()
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    after = os.times()
    report = json.loads(ended.stdout)
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    late = report["lateness_ms"]
    acknowledged = report["acknowledgement_ms"]
    line = f"  {options:28} QoS {qos}: {report['rate_reached']:.1f}/s"
    line += f", {cpu / report['messages'] * 1e6:.2f} µs CPU a message"
    line += f", late p50 {late['p50']:.3f} p99 {late['p99']:.3f} ms"
    if acknowledged:
        line += f", acknowledged p50 {acknowledged['p50']:.3f} p99 {acknowledged['p99']:.3f} ms"
    print(line)


def machine():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":")[1].strip() for line in info if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    virtual = "hypervisor" in open("/proc/cpuinfo").read()
    kind = "virtual machine" if virtual else "machine"
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors ({name}), {kind}, Linux {platform.release()}, load {load:.1f} at the start"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--qos0", type=int, default=200_000)
    parser.add_argument("--qos1", type=int, default=50_000)
    args = parser.parse_args()
    print(machine())
    broker = Broker()
    try:
        compare(args, broker, 0, args.qos0)
        compare(args, broker, 1, args.qos1)
        compare(args, broker, 1, args.qos1, 100)
        print("\nWhat iot-pub holds:")
        held(args, broker, 0, "--rate 50000/s --for 10s")
        held(args, broker, 1, "--rate 20000/s --for 10s")
        held(args, broker, 0, "--interval 10ms --count 1000")
    finally:
        broker.stop()


main()
