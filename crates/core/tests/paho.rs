//! The table "From Paho" in the crate's documentation names all that Paho's Python client has.

/// The public names of paho-mqtt 2.2.0's `Client`, `MQTTMessageInfo`, `MQTTMessage` and modules, but
/// for the decorators.
const NAMES: &str = "
    ack callback_api_version connect connect_async connect_srv connect_timeout disable_logger
    disconnect drop_out_messages enable_bridge_mode enable_logger host is_connected keepalive logger
    loop loop_forever loop_misc loop_read loop_start loop_stop loop_write manual_ack_set
    max_inflight_messages max_inflight_messages_set max_queued_messages max_queued_messages_set
    message_callback_add on_connect on_connect_fail on_disconnect on_log on_message on_pre_connect
    on_publish on_socket_open on_subscribe on_unsubscribe password port protocol proxy_set publish
    reconnect reconnect_delay_set reinitialise socket subscribe tls_set topic_callback transport
    unsubscribe user_data_get user_data_set username username_pw_set want_write will_clear
    will_payload will_set will_topic ws_set_options error_string connack_string topic_matches_sub
    is_published wait_for_publish mid rc topic payload qos retain dup properties
    publish.single publish.multiple subscribe.simple subscribe.callback";

#[test]
fn every_name_of_paho_s_is_in_the_table() {
    let text = include_str!("../src/lib.rs");
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let first_cells: Vec<&str> = rows.filter_map(|row| row.split(" | ").next()).collect();
    let names = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let known: Vec<&str> = first_cells
        .into_iter()
        .flat_map(names)
        .map(|name| name.split('(').next().unwrap_or(name))
        .collect();
    let missing: Vec<&str> = NAMES
        .split_whitespace()
        .filter(|name| !known.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
