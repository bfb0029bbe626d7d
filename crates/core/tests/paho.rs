//! The tables of `docs/from-paho.md` name everything that Paho's Python client has.

/// All public names of paho-mqtt 2.1.0's `Client`, `MQTTMessageInfo`, `MQTTMessage` and modules, as
/// Python's `dir` lists them; `drop_out_messages` is 2.2's.
const NAMES: &str = "
    ack callback_api_version connect connect_async connect_callback connect_fail_callback connect_srv
    connect_timeout disable_logger disconnect disconnect_callback enable_bridge_mode enable_logger host
    is_connected keepalive log_callback logger loop loop_forever loop_misc loop_read loop_start loop_stop
    loop_write manual_ack_set max_inflight_messages max_inflight_messages_set max_queued_messages
    max_queued_messages_set message_callback message_callback_add message_callback_remove on_connect
    on_connect_fail on_disconnect on_log on_message on_pre_connect on_publish on_socket_close on_socket_open
    on_socket_register_write on_socket_unregister_write on_subscribe on_unsubscribe password port
    pre_connect_callback protocol proxy_set publish publish_callback reconnect reconnect_delay_set
    reinitialise socket socket_close_callback socket_open_callback socket_register_write_callback
    socket_unregister_write_callback subscribe subscribe_callback tls_insecure_set tls_set tls_set_context
    topic_callback transport unsubscribe unsubscribe_callback user_data_get user_data_set username
    username_pw_set want_write will_clear will_payload will_set will_topic ws_set_options
    is_published mid rc wait_for_publish MQTTMessageInfo.next
    dup info payload properties qos retain state timestamp topic
    connack_string convert_connack_rc_to_reason_code convert_disconnect_error_code_to_reason_code
    error_string topic_matches_sub MQTTMatcher
    publish.single publish.multiple subscribe.simple subscribe.callback
    drop_out_messages";

/// Arguments that are not obvious: those of the constructor, and what `connect`, `loop_forever` and
/// `tls_set` may be given.
const ARGUMENTS: &str = "
    client_id clean_session userdata protocol transport reconnect_on_failure manual_ack bind_address bind_port
    clean_start properties retry_first_connection cert_reqs tls_version ciphers keyfile_password
    alpn_protocols path headers";

#[test]
fn every_name_of_paho_s_is_in_the_table() {
    let text = include_str!("../../../docs/from-paho.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
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

#[test]
fn every_argument_of_paho_s_is_in_the_table() {
    let text = include_str!("../../../docs/from-paho.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    let rows: Vec<&str> = rows.collect();
    let is_word = |row: &str, name: &str| {
        let mut words = row.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == name)
    };
    let missing: Vec<&str> = ARGUMENTS
        .split_whitespace()
        .filter(|name| !rows.iter().any(|row| is_word(row, name)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
