
-- QoS 2 packet identifiers whose message is committed and whose PUBREL has not been answered, for each session that a broker keeps.
-- The fingerprint tells that message from another one under its id.
CREATE TABLE held (
    broker      TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    packet_id   INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    PRIMARY KEY (broker, client_id, packet_id)
) STRICT, WITHOUT ROWID;
