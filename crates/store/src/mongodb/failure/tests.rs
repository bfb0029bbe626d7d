use super::*;
use crate::mongodb::monitor::Monitor;

#[track_caller]
fn case(code: i32, message: &str, expected: &str) {
    let error: IndexedWriteError = mongodb::bson::deserialize_from_document(
        mongodb::bson::doc! {"index": 0, "code": code, "errmsg": message},
    )
    .unwrap();
    let found = match refused(&error, "db") {
        Refused::SameId => "same id".to_owned(),
        Refused::Bad(reason) => format!("bad: {reason}"),
        Refused::Failed(failure @ Failure::Unknown(_)) => format!("unknown: {failure}"),
        Refused::Failed(failure) => format!("not allowed: {failure}"),
    };
    assert_eq!(found, expected);
}

#[test]
fn a_document_that_was_not_inserted() {
    let duplicate = |index: &str, key: &str| {
        format!(
            "E11000 duplicate key error collection: db.sensors index: {index} dup key: {{ {key} }}"
        )
    };
    case(11000, &duplicate("_id_", "_id: ObjectId('00')"), "same id");
    case(11000, "", "unknown: too many documents refused at once");
    let other = duplicate("topic_1", "topic: \" index: _id_ dup key\"");
    case(11000, &other, &format!("bad: {other}"));
    case(
        121,
        "Document failed validation",
        "bad: Document failed validation",
    );
    case(2, "a\nb", "bad: a");
    case(10107, "not primary", "unknown: not primary");
    case(14031, "no space left", "unknown: no space left");
    case(
        13,
        "not authorized on db to execute command { insert: …",
        "not allowed: not authorized to write to database `db` (give a user in the URL, one with the role readWrite on that database)",
    );
}

#[test]
fn a_failed_connection_in_few_words() {
    #[track_caller]
    fn case(error: io::Error, expected: &str) {
        let error = Error::from(error);
        assert_eq!(
            Monitor::default().failure(&error, "db").to_string(),
            expected
        );
    }
    case(
        io::ErrorKind::ConnectionRefused.into(),
        "connection refused (is MongoDB running there? --store sqlite:iot.db needs no server; --store none only prints)",
    );
    case(io::ErrorKind::TimedOut.into(), "no answer in time");
    case(
        io::ErrorKind::UnexpectedEof.into(),
        "connection closed by the server",
    );
    case(io::Error::from_raw_os_error(113), "No route to host");
    let lookup = "failed to lookup address information: Name or service not known";
    case(io::Error::other(lookup), "host not found");
    case(
        io::Error::new(
            io::ErrorKind::InvalidData,
            "invalid peer certificate: UnknownIssuer",
        ),
        "TLS failed: invalid peer certificate: UnknownIssuer (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)",
    );
}

#[test]
fn long_reasons_are_cut_between_characters() {
    assert_eq!(one_line(&"ü".repeat(301)), format!("{}…", "ü".repeat(300)));
    assert_eq!(one_line(" \n"), "it gave no reason");
}
