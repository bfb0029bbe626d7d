//! The log.

use super::*;

#[test]
fn the_log_reports_each_packet_if_it_is_on() {
    let mut bench = Bench::offline(v5());
    bench.session.set_logging(true);
    bench.session.open(bench.now);
    bench.sent();
    bench.handle(Incoming::ConnAck(connack(false))).unwrap();
    bench.publish(1, "25.5");
    bench.sent();
    bench.puback(1);
    bench.puback(1);
    assert_eq!(
        bench.events(),
        [
            "debug: Sending CONNECT (u0, p0, w0, c0, k60) client_id=\"bench\"",
            "debug: Received CONNACK (s0, accepted)",
            "connected",
            "debug: Sending PUBLISH (d0, q1, r0, m1), \"t\", ... (4 bytes)",
            "debug: Received PUBACK (m1, success)",
            "published #1",
            "debug: Received PUBACK (m1, success)",
            "warning: nobody waits for an acknowledgement of m1",
        ]
    );
    bench.session.set_logging(false);
    bench.publish(1, "25.5");
    bench.sent();
    assert_eq!(bench.events(), NOTHING);
}
