// Publishes the same message so many times with MQTT.js: node mqttjs.js PORT TOPIC PAYLOAD QOS COUNT WINDOW
const mqtt = require("mqtt");
const [port, topic, payload, qos, count, inFlight] = process.argv.slice(2);

// As many in flight as the others with QoS 1; with QoS 0, enough to keep the socket busy.
const window = Number(qos) > 0 ? Number(inFlight) : 1000;
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`);
let sent = 0;
let done = 0;

function more() {
    while (sent < Number(count) && sent - done < window) {
        sent += 1;
        client.publish(topic, payload, { qos: Number(qos) }, (error) => {
            if (error) throw error;
            done += 1;
            if (done === Number(count)) client.end();
            else more();
        });
    }
}
client.on("connect", more);
